#include "tftp/tftp_sender.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "anchord/base/writer.h"

namespace anchord::service {
namespace {

io::OutDatagram& new_datagram(io::Ring& ring, const TftpRoute& route) {
  io::OutDatagram& out = ring.new_datagram();
  out.start(route.peer, route.local, route.v4_socket);
  return out;
}

void add_header(io::OutDatagram& out, std::uint64_t block) {
  Writer header{out.room()};
  wire::write_tftp_data_header(header, static_cast<std::uint16_t>(block));
  out.copied(header.size());
}

void send_oack(io::Ring& ring, const TftpRoute& route, const TftpTransfer& transfer) {
  io::OutDatagram& out = new_datagram(ring, route);
  Writer packet{out.room()};
  wire::write_tftp_oack(packet, transfer.oack());
  assert(packet.ok());
  out.copied(packet.size());
  ring.send_datagram(route.socket, out, route.tag);
}

void send_text(io::Ring& ring, const TftpRoute& route, const TftpTransfer& transfer) {
  static_assert(wire::kTftpDataHeaderSize + TftpTransfer::kMaxTextBlock <= io::OutDatagram::kRoom);
  NetasciiReader text = transfer.text();
  for (std::uint64_t block = transfer.first(); block <= transfer.last(); ++block) {
    io::OutDatagram& out = new_datagram(ring, route);
    add_header(out, block);
    out.copied(text.read(out.room().first(transfer.block_size())));
    ring.send_datagram(route.socket, out, route.tag);
  }
}

void send_octets(io::Ring& ring, const TftpRoute& route, const TftpTransfer& transfer) {
  static_assert(TftpTransfer::kMaxWindow <= io::OutDatagram::kMaxSegments &&
                TftpTransfer::kMaxWindowBytes <= io::OutDatagram::kMaxSize);
  const std::uint64_t most = route.segmented ? TftpTransfer::kMaxWindow : 1;
  for (std::uint64_t block = transfer.first(); block <= transfer.last();) {
    const std::uint64_t end = std::min(block + most, transfer.last() + 1);
    const bool several = end - block > 1;
    io::OutDatagram& out = new_datagram(ring, route);
    // In one piece a datagram costs the kernel less than copying a usual block costs us.
    const bool copied =
        !several && wire::kTftpDataHeaderSize + transfer.block_size() <= io::OutDatagram::kRoom;
    for (; block < end; ++block) {
      add_header(out, block);
      for (Bytes part : transfer.octets(block)) copied ? out.copy(part) : out.refer(part);
    }
    if (several) out.segment(static_cast<std::uint16_t>(wire::kTftpDataHeaderSize + transfer.block_size()));
    ring.send_datagram(route.socket, out, route.tag);
  }
}

}  // namespace

void send_outstanding(io::Ring& ring, const TftpRoute& route, const TftpTransfer& transfer) {
  if (transfer.oack_pending()) return send_oack(ring, route, transfer);
  if (transfer.is_text()) return send_text(ring, route, transfer);
  send_octets(ring, route, transfer);
}

}  // namespace anchord::service
