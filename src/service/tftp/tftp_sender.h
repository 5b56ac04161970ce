// From what a transfer has outstanding to datagrams.
#pragma once

#include "anchord/io/ring.h"
#include "tftp/tftp_transfer.h"

namespace anchord::service {

struct TftpRoute {
  int socket = -1;
  bool v4_socket = true;
  bool segmented = true;  // whether the blocks of a window may leave as one send
  std::uint64_t tag = io::kIgnore;
  const io::Address& peer;
  const io::Host& local;  // to send from
};

// The OACK, or the window in order. The transfer's file must stay until the ring has
// submitted it.
void send_outstanding(io::Ring& ring, const TftpRoute& route, const TftpTransfer& transfer);

}  // namespace anchord::service
