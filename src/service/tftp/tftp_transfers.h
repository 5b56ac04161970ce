// The transfers of one shard that are under way: of peers that have acknowledged something, so that their
// addresses are their own. Each is known by its slot, and found by the peer's address and port: a peer has
// one at a time.
//
// A transfer ends on the file that it began with. It pins the view that this lies in until there
// is a newer one, and from then on holds the file alone, so that no peer holds up publishing.
#pragma once

#include <cstdint>
#include <memory>

#include "anchord/base/slot_pool.h"
#include "anchord/base/timer_wheel.h"
#include "anchord/io/ring.h"
#include "context/shard_context.h"
#include "context/tag.h"
#include "limits/peer_map.h"
#include "limits/slot_list.h"
#include "tftp/tftp_sockets.h"
#include "tftp/tftp_transfer.h"
#include "tftp/tftp_unproven.h"

namespace anchord::service {

class TftpTransfers {
 public:
  static constexpr std::uint32_t kNone = PeerMap::kNone;

  TftpTransfers(ShardContext& shard, const TftpSockets& sockets);
  ~TftpTransfers();
  TftpTransfers(const TftpTransfers&) = delete;
  TftpTransfers& operator=(const TftpTransfers&) = delete;

  bool full() const { return transfers_.full(); }
  bool empty() const { return transfers_.used() == 0; }
  std::uint32_t find(const io::Address& peer) const { return by_peer_.find(peer); }
  std::uint32_t socket(std::uint32_t slot) const { return transfers_[slot].socket; }
  // That of the peer's transfer which this one ended; TftpSockets::kNone.
  std::uint32_t former_socket(std::uint32_t slot) const { return transfers_[slot].former_socket; }
  // Whether a request for that file is the one of this transfer, and the network delivered it twice. A client
  // that is stuck, or that has all but our knowledge of it, really asks anew.
  bool is_duplicate_request(std::uint32_t slot, const index::FileEntry* asked) const;

  // Begins the transfer of what was asked at `asked_at`: the state machine has just taken the first
  // acknowledgement, and said what is `next`. The file is of the present view. There is room.
  void begin(const TftpAsked& asked, Millis asked_at, const index::FileEntry& file,
             const TftpTransfer& machine, TftpTransfer::Next next);
  void on_ack(std::uint32_t slot, std::uint16_t block);
  // Ends a transfer because the peer said so, or asks anew. A peer that was sent all may have it: its last
  // acknowledgement may be lost, or late. Or the last block was.
  void abort(std::uint32_t slot);
  // Takes note that a send has failed. The tag may be that of what is sent for no transfer.
  void on_send(const Tag& tag, const io::Completion& completion);
  // The tag of what is sent for no transfer.
  std::uint64_t tag_of_others() const { return Tag{TagKind::tftp_send, 0, transfers_.capacity()}.packed(); }

  // To be called once in each tick, before anything else ...
  void follow_view();
  // ... and this at its end. A file may go when its transfer ends in a later tick than that which sent of it.
  void end_tick() { ++ticks_; }
  void on_deadlines(Millis now);
  Millis next_wake() const { return timers_.next_wake(); }

  // Does what Shard::give_way() says.
  std::uint64_t give_way_before(std::uint64_t version);
  void terminate_all();

 private:
  struct Transfer {
    TftpTransfer machine;
    Pins::Pin pin;                                 // none once there is a newer view
    std::shared_ptr<const index::FileEntry> held;  // `file`, from then on
    const index::FileEntry* file = nullptr;
    io::Address peer;
    io::Host local;  // the address that was asked, and answers
    std::uint32_t socket = 0;
    std::uint32_t former_socket = TftpSockets::kNone;
    bool segmented = true;
    Millis began = 0;           // when the request was taken
    Millis progressed = 0;      // when the peer last acknowledged something new
    Millis timer = kNever;      // the wheel's deadline: the transfer's, or an earlier one
    std::uint64_t sent_in = 0;  // in which tick something was last queued
    std::uint64_t version = 0;  // of the view that it began with
    ShortText<15> device;       // in the name that was asked for
  };

  void let_go_of_views();
  void proceed(std::uint32_t slot, TftpTransfer::Next next);
  void note_completed(const Transfer& transfer);
  void send(std::uint32_t slot);
  void end(std::uint32_t slot, DownloadEnd how);
  void record(const Transfer& transfer, DownloadEnd how);

  ShardContext& shard_;
  const TftpSettings& settings_;
  const TftpSockets& sockets_;
  SlotPool<Transfer> transfers_;
  SlotList pinning_;           // those that pin a view, ...
  std::uint64_t version_ = 0;  // ... which is this one
  TimerWheel timers_;
  PeerMap by_peer_;
  std::uint64_t ticks_ = 1;
};

}  // namespace anchord::service
