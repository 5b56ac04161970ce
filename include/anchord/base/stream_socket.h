// A connected stream socket whose every wait ends at a deadline. For clients that may block: shards have
// the ring.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"

namespace anchord {

class StreamSocket {
 public:
  static Result<StreamSocket> connect(const sockaddr* address, socklen_t length, Millis deadline);
  // To an IP address or a name, whose addresses are tried one after the other. Looking up a name ends at the
  // deadline, too.
  static Result<StreamSocket> connect(const std::string& host, std::uint16_t port, Millis deadline);

  // Of all that comes; at the beginning it is that of connect().
  void set_deadline(Millis deadline) { deadline_ = deadline; }

  Status send_all(Bytes bytes);
  Result<std::size_t> receive(MutableBytes room);  // 0 when the peer has ended the stream

  // Whether the peer has sent nothing that was not received, and has not ended the stream: a connection that
  // was kept for another question does for one only while that is so.
  bool quiet() const;
  // Whether the last of these failed because the peer has closed the connection before it read what it was
  // sent.
  bool is_reset() const { return is_reset_; }

 private:
  StreamSocket(FileDescriptor fd, Millis deadline) : fd_(std::move(fd)), deadline_(deadline) {}
  Status wait_for(short events) const;
  std::unexpected<Error> failed(std::string_view what, int error);

  FileDescriptor fd_;
  Millis deadline_;
  bool is_reset_ = false;
};

}  // namespace anchord
