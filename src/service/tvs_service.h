// The TVS connections of one shard: accepting, limits, deadlines, buffers. What is
// said on a connection is TvsSession's business.
//
// A connection's life:
//
//   accepted ─► shaking ─► serving ─► closing ─► (gone)
//        └──────────┴──────────┴─► terminating ─► (gone)
//
// closing: the last output is on its way. terminating: nothing more is wanted, and
// the slot waits only for its operations to complete; it is released when none is
// in flight, never before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "anchord/base/slot_pool.h"
#include "anchord/base/timer_wheel.h"
#include "anchord/io/ring.h"
#include "held_buffers.h"
#include "peer_map.h"
#include "shard_context.h"
#include "slot_list.h"
#include "tag.h"
#include "tvs_session.h"

namespace anchord::service {

class TvsService {
 public:
  TvsService(ShardContext& shard, const std::vector<int>& listeners);

  void start();  // arms the listeners

  void on_accept(std::uint32_t listener, const io::Completion& completion);
  void on_receive(const Tag& tag, const io::Completion& completion);
  void on_send(const Tag& tag, const io::Completion& completion);

  // Work that is rationed or waits for something; once in each turn.
  void turn(Millis now);
  // When turn() has something to do: kNever, a deadline, or `now` when at once.
  Millis next_wake(Millis now) const;

  // Stops accepting and closes what is idle; what is under way may end.
  void drain();
  // Ends everything at once.
  void terminate_all();
  bool finished() const { return connections_.used() == 0 && armed_listeners_ == 0; }

 private:
  enum class Phase : std::uint8_t { shaking, serving, closing, terminating };

  struct Connection {
    TvsSession session;
    HeldBuffers::Queue held;
    io::Address peer;
    int descriptor = -1;
    std::uint32_t output = BufferPool::kNone;
    std::uint32_t output_size = 0;
    std::uint32_t output_sent = 0;
    Millis since = 0;          // accept, then the handshake's end, then the last answer
    Millis holding_since = 0;  // of the send that holds back received buffers
    Phase phase = Phase::shaking;
    bool greeted = false;     // its first flight was served
    bool receiving = false;   // a receive is armed
    bool cancelling = false;  // ... and was asked to end
    bool sending = false;     // a send is in flight
    bool answered = false;    // has had at least one answer
    bool peer_ended = false;  // nothing more will come
    bool must_flush = false;  // the session goes on after its output is sent
  };

  struct Listener {
    int descriptor = -1;
    bool armed = false;
    bool cancelling = false;
  };

  // Handshake flights served in one turn, so that private-key work delays the
  // other connections and TFTP by a few milliseconds at the most.
  static constexpr unsigned kHandshakesPerTurn = 4;
  // Beyond this wait the newest handshake is served first: under overload some
  // clients get their answer in time, instead of all of them late.
  static constexpr Millis kHandshakePatience = 1'000;
  // Received buffers that one connection may hold while its output is on its
  // way: a client that asks and does not read takes no more than these.
  static constexpr std::uint32_t kMaxHeld = 8;
  // With that many above the limit nothing more is accepted until they are gone:
  // newcomers wait in the listener's backlog rather than be refused.
  static constexpr std::uint32_t kEnoughAbove = kSpareConnections / 2;
  // Received buffers that a connection may keep from others that long while its
  // output does not move.
  static constexpr Millis kHoldingGrace = 100;
  // When to look again whether buffers are free, should no other sign come.
  static constexpr Millis kStarvedRetry = 10;
  // The pause after a failed accept (no descriptors left, say).
  static constexpr Millis kAcceptPause = 20;
  // For the last output of a connection to be taken by the peer.
  static constexpr Millis kClosingTimeout = 5'000;
  // How long a connection is safe from giving way to a newer one.
  static constexpr Millis kShakingGrace = 50;
  static constexpr Millis kQuietGrace = 1'000;

  // Those that are not on their way out.
  std::uint32_t open() const { return connections_.used() - terminating_; }
  void admit(int descriptor);
  void arm_listeners(Millis now);
  void disarm_listeners();
  bool make_room();
  void serve_handshakes(Millis now);
  void work(std::uint32_t slot);
  void send_output(std::uint32_t slot);
  void after_output(std::uint32_t slot);
  void schedule(std::uint32_t slot);
  void keep_receiving(std::uint32_t slot);
  void relieve_starvation(Millis now);
  void say_goodbye(std::uint32_t slot);
  void terminate(std::uint32_t slot);
  void release_when_quiet(std::uint32_t slot);
  void recycle_front(Connection& connection);
  void on_deadline(std::uint32_t slot, Millis now);
  Millis deadline(const Connection& connection) const;
  void note_progress(std::uint32_t slot, const TvsSession::Progress& progress);
  std::uint64_t tag(TagKind kind, std::uint32_t slot) const {
    return Tag{kind, connections_.generation(slot), slot}.packed();
  }

  ShardContext& shard_;
  const TvsSettings& settings_;
  std::vector<Listener> listeners_;
  unsigned armed_listeners_ = 0;
  SlotPool<Connection> connections_;
  std::uint32_t terminating_ = 0;  // of them
  TimerWheel timers_;
  BufferPool outputs_;
  TvsWorkspace workspace_;
  HeldBuffers held_;
  PeerMap per_address_;
  SlotList shaking_;   // by time of accept: who gives way first
  SlotList quiet_;     // serving, by time of the last answer
  SlotList greeting_;  // first flights that wait to be served
  SlotList resuming_;  // later flights of handshakes: nearly done, so served first
  SlotList starved_;   // waiting for a free buffer
  SlotList holding_;   // sending, with received buffers waiting
  Millis starved_retry_ = kNever;
  Millis accept_again_ = 0;
  bool freed_ = false;    // a buffer was given back since the last turn
  bool crowded_ = false;  // far above the limit: accepting pauses
  bool draining_ = false;
};

}  // namespace anchord::service
