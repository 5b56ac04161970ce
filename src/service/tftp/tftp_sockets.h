// The sockets of one shard's TFTP: for each address one that requests come to, and a few that transfers leave
// from. A socket is known by its number here. The descriptors are not owned.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "anchord/io/ring.h"
#include "anchord/service/shard.h"
#include "anchord/wire/tftp.h"
#include "limits/sip_hash.h"

namespace anchord::service {

class TftpSockets {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Socket {
    int descriptor = -1;
    std::uint32_t group = 0;  // whose requests it answers
    bool requests = false;
    bool v4 = true;
  };

  TftpSockets(io::Ring& ring, const std::vector<ShardSockets::Tftp>& sockets, std::uint64_t seed);

  const Socket& operator[](std::uint32_t socket) const { return sockets_[socket]; }

  // A receive ends when buffers ran out, or for reasons of the kernel's own; arm() arms all that have ended.
  void receive_ended(std::uint32_t socket) { disarmed_.push_back(socket); }
  void arm();

  // Chooses the socket of a transfer that was asked for at `request_socket`, but not `former`. A peer learns
  // the port of each of its transfers, and must not be able to tell the next one's. The socket of one that it
  // has just ended is another's: a late acknowledgement of that one would be taken for the new one's.
  std::uint32_t choose(std::uint32_t request_socket, std::uint32_t former = kNone);

  // Answers a datagram with an error, from that socket.
  void reply(std::uint32_t from_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
             std::string_view text);

 private:
  io::Ring& ring_;
  std::vector<Socket> sockets_;
  std::vector<std::uint32_t> disarmed_;                       // those without a receive
  std::vector<std::vector<std::uint32_t>> transfer_sockets_;  // by group
  SipKey key_;
  std::uint64_t choices_ = 0;
};

}  // namespace anchord::service
