// The TFTP server of one shard: requests on the well-known port, transfers on a
// small set of sockets of its own. Transfers are told apart by the peer's address
// and port and by the socket, so none needs a descriptor of its own.
//
// A peer (address and port) has one transfer at a time, as every client has: a retransmitted
// request is answered by the transfer that goes on, and a different one ends it.
//
// A transfer begins with the peer's first acknowledgement. Until then its address may be forged, and what it
// asked is remembered, as long as there is room (TftpUnproven); such a request takes nobody's transfer.
//
// A transfer ends on the file that it began with. It pins the view that this lies in until there
// is a newer one, and from then on holds the file alone, so that no peer holds up publishing.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "anchord/base/slot_pool.h"
#include "anchord/base/timer_wheel.h"
#include "anchord/io/ring.h"
#include "anchord/service/shard.h"
#include "context/shard_context.h"
#include "context/tag.h"
#include "limits/peer_map.h"
#include "limits/sip_hash.h"
#include "limits/slot_list.h"
#include "limits/token_buckets.h"
#include "tftp/tftp_transfer.h"
#include "tftp/tftp_unproven.h"

namespace anchord::service {

class TftpService {
 public:
  TftpService(ShardContext& shard, const std::vector<ShardSockets::Tftp>& sockets);
  ~TftpService();
  TftpService(const TftpService&) = delete;
  TftpService& operator=(const TftpService&) = delete;

  void start();

  void on_receive(std::uint32_t socket, const io::Completion& completion);
  void on_send(const Tag& tag, const io::Completion& completion);

  void tick(Millis now);
  Millis next_wake() const;

  // Begins no new transfers; those under way may end.
  void drain() { draining_ = true; }
  // A peer that was answered a moment ago may be about to acknowledge it.
  bool idle() const { return transfers_.used() == 0 && shard_.ring.now() >= answered_until_; }
  // Does what Shard::give_way() says.
  std::uint64_t give_way_before(std::uint64_t version);
  void terminate_all();

 private:
  static constexpr std::uint32_t kNoSocket = ~std::uint32_t{0};
  // What a ring's wait() returns at most.
  static constexpr std::size_t kUsualBatch = 256;

  struct Socket {
    int descriptor = -1;
    std::uint32_t group = 0;  // whose requests it answers
    bool requests = false;
    bool v4 = true;
  };

  struct Transfer {
    TftpTransfer machine;
    Pins::Pin pin;                                 // none once there is a newer view
    std::shared_ptr<const index::FileEntry> held;  // `file`, from then on
    const index::FileEntry* file = nullptr;
    io::Address peer;
    io::Host local;  // the address that was asked, and answers
    std::uint32_t socket = 0;
    std::uint32_t former_socket = kNoSocket;  // of the peer's transfer that this one ended
    bool segmented = true;
    Millis began = 0;           // when the request was taken
    Millis progressed = 0;      // when the peer last acknowledged something new
    Millis timer = kNever;      // the wheel's deadline: the transfer's, or an earlier one
    std::uint64_t sent_in = 0;  // in which tick something was last queued
    std::uint64_t version = 0;  // of the view that it began with
    ShortText<15> device;       // in the name that was asked for
  };

  struct Request {  // in its buffer
    std::uint32_t socket;
    io::Completion completion;
  };

  void let_go_of_views();
  void take(std::uint32_t socket, const io::Completion& completion);
  void on_request(std::uint32_t socket, const io::Datagram& datagram);
  void on_packet(std::uint32_t socket, const io::Datagram& datagram);
  void on_ack(std::uint32_t slot, std::uint16_t block);
  void on_unknown_tid(std::uint32_t socket, const io::Datagram& datagram, bool is_error, std::uint32_t slot);
  bool is_duplicate_request(const Transfer& earlier, const index::FileEntry* asked) const;
  void give_way(std::uint32_t slot);
  bool spend(const io::Host& from, bool of_plenty);
  void on_read(std::uint32_t request_socket, const io::Datagram& datagram, const wire::TftpRequest& request);
  void answer(const TftpAsked& asked, const index::FileEntry& file);
  void retransmit(TftpAsked& asked);
  void on_first_packet(std::uint32_t socket, const io::Datagram& datagram, const wire::TftpPacket& packet,
                       const TftpAsked& asked);
  void begin(const TftpAsked& asked, const io::Datagram& datagram, std::uint16_t block);
  TftpTransfer::ReadOptions read_options_of(const TftpAsked& asked) const;
  void proceed(std::uint32_t slot, TftpTransfer::Next next);
  void send(std::uint32_t slot);
  void end(std::uint32_t slot, DownloadEnd how);
  void record(const Transfer& transfer, DownloadEnd how);
  void note(const io::Datagram& datagram, std::string_view file, Answered answered);
  void refuse(std::uint32_t request_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
              std::string_view text);
  void reply(std::uint32_t from_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
             std::string_view text);
  std::uint32_t choose_transfer_socket(std::uint32_t group, std::uint32_t former = kNoSocket);

  ShardContext& shard_;
  const TftpSettings& settings_;
  std::vector<Socket> sockets_;
  std::vector<std::uint32_t> disarmed_;                       // sockets without a receive
  std::vector<std::vector<std::uint32_t>> transfer_sockets_;  // by group
  std::vector<Request> requests_;                             // of this tick
  SlotPool<Transfer> transfers_;
  SlotList pinning_;           // those that pin a view, ...
  std::uint64_t version_ = 0;  // ... which is this one
  TimerWheel timers_;
  PeerMap by_peer_;
  TftpUnproven unproven_;
  TokenBuckets addresses_;
  TokenBuckets networks_;
  SipKey key_;
  std::uint64_t choices_ = 0;
  std::uint64_t ticks_ = 1;
  Millis answered_until_ = 0;  // for who was answered last
  bool draining_ = false;
};

}  // namespace anchord::service
