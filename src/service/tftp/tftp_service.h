// The TFTP server of one shard: requests on the well-known port, transfers on a
// small set of sockets of its own. Transfers are told apart by the peer's address
// and port and by the socket, so none needs a descriptor of its own.
//
// A peer (address and port) has one transfer at a time, as every client has: a retransmitted
// request is answered by the transfer that goes on, and a different one ends it.
//
// A transfer begins with the peer's first acknowledgement. Until then its address may be forged, and what it
// asked is remembered, as long as there is room (TftpUnproven); such a request takes nobody's transfer.
// From the first acknowledgement on it is one of TftpTransfers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "anchord/io/ring.h"
#include "anchord/service/shard.h"
#include "context/shard_context.h"
#include "context/tag.h"
#include "limits/token_buckets.h"
#include "tftp/tftp_sockets.h"
#include "tftp/tftp_transfer.h"
#include "tftp/tftp_transfers.h"
#include "tftp/tftp_unproven.h"

namespace anchord::service {

class TftpService {
 public:
  TftpService(ShardContext& shard, const std::vector<ShardSockets::Tftp>& sockets);

  void start();

  void on_receive(std::uint32_t socket, const io::Completion& completion);
  void on_send(const Tag& tag, const io::Completion& completion) { transfers_.on_send(tag, completion); }

  void tick(Millis now);
  Millis next_wake() const;

  // Begins no new transfers; those under way may end.
  void drain() { draining_ = true; }
  // A peer that was answered a moment ago may be about to acknowledge it.
  bool idle() const { return transfers_.empty() && shard_.ring.now() >= answered_until_; }
  // Does what Shard::give_way() says.
  std::uint64_t give_way_before(std::uint64_t version) { return transfers_.give_way_before(version); }
  void terminate_all() { transfers_.terminate_all(); }

 private:
  // What a ring's wait() returns at most.
  static constexpr std::size_t kUsualBatch = 256;

  struct Request {  // in its buffer
    std::uint32_t socket;
    io::Completion completion;
  };

  void take(std::uint32_t socket, const io::Completion& completion);
  void on_request(std::uint32_t socket, const io::Datagram& datagram);
  void on_packet(std::uint32_t socket, const io::Datagram& datagram);
  void on_unknown_tid(std::uint32_t socket, const io::Datagram& datagram, bool is_error, std::uint32_t slot);
  bool spend(const io::Host& from, bool of_plenty);
  void on_read(std::uint32_t request_socket, const io::Datagram& datagram, const wire::TftpRequest& request);
  void answer(const TftpAsked& asked, const index::FileEntry& file);
  void retransmit(TftpAsked& asked);
  void on_first_packet(std::uint32_t socket, const io::Datagram& datagram, const wire::TftpPacket& packet,
                       const TftpAsked& asked);
  void begin(const TftpAsked& asked, const io::Datagram& datagram, std::uint16_t block);
  TftpTransfer::ReadOptions read_options_of(const TftpAsked& asked) const;
  void note(const io::Datagram& datagram, std::string_view file, Answered answered);
  void refuse(std::uint32_t request_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
              std::string_view text);

  ShardContext& shard_;
  const TftpSettings& settings_;
  TftpSockets sockets_;
  std::vector<Request> requests_;  // of this tick
  TftpTransfers transfers_;
  TftpUnproven unproven_;
  TokenBuckets addresses_;
  TokenBuckets networks_;
  Millis answered_until_ = 0;  // for who was answered last
  bool draining_ = false;
};

}  // namespace anchord::service
