#include "tftp/tftp_sockets.h"

#include <cassert>

#include "anchord/base/writer.h"
#include "context/tag.h"

namespace anchord::service {

TftpSockets::TftpSockets(io::Ring& ring, const std::vector<ShardSockets::Tftp>& sockets, std::uint64_t seed)
    : ring_(ring), key_{.low = seed, .high = ~seed} {
  for (std::uint32_t group = 0; group < sockets.size(); ++group) {
    bool v4 = sockets[group].v4;
    sockets_.push_back({.descriptor = sockets[group].requests, .group = group, .requests = true, .v4 = v4});
    auto& own = transfer_sockets_.emplace_back();
    for (int descriptor : sockets[group].transfers) {
      own.push_back(static_cast<std::uint32_t>(sockets_.size()));
      sockets_.push_back({.descriptor = descriptor, .group = group, .requests = false, .v4 = v4});
    }
    assert(!own.empty());
  }
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) disarmed_.push_back(i);
}

void TftpSockets::arm() {
  for (std::uint32_t i : disarmed_)
    ring_.receive_datagrams(sockets_[i].descriptor, Tag{TagKind::tftp_receive, 0, i}.packed());
  disarmed_.clear();
}

std::uint32_t TftpSockets::choose(std::uint32_t request_socket, std::uint32_t former) {
  const auto& own = transfer_sockets_[sockets_[request_socket].group];
  std::size_t choice = sip_hash(key_, choices_++) % own.size();
  return own[choice] != former ? own[choice] : own[(choice + 1) % own.size()];
}

void TftpSockets::reply(std::uint32_t from_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
                        std::string_view text) {
  const Socket& socket = sockets_[from_socket];
  io::OutDatagram& out = ring_.new_datagram();
  out.start(datagram.from, datagram.to, socket.v4);
  Writer packet{out.room()};
  wire::write_tftp_error(packet, code, text);
  assert(packet.ok());
  out.copied(packet.size());
  ring_.send_datagram(socket.descriptor, out, io::kIgnore);
}

}  // namespace anchord::service
