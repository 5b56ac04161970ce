// Whose handshake goes on next. Handshakes are rationed, since each costs private-key work: connections wait
// here until their ClientHello has come, and then until it is their turn.
#pragma once

#include <cassert>
#include <cstdint>

#include "limits/slot_list.h"
#include "stream/stream_connection.h"

namespace anchord::service {

class HandshakeQueue {
 public:
  static constexpr std::uint32_t kNone = SlotList::kNone;

  // The connections are their owner's, and looked at only.
  explicit HandshakeQueue(const StreamConnections& connections)
      : connections_(connections),
        silent_(connections.capacity()),
        pending_hellos_(connections.capacity()),
        resuming_(connections.capacity()) {}

  // A new connection, whose ClientHello has not come.
  void await_hello(std::uint32_t slot) { silent_.push_back(slot); }
  // The connection has something to go on with.
  void add(std::uint32_t slot) {
    silent_.remove(slot);
    SlotList& queue = connections_[slot].hello_served ? resuming_ : pending_hellos_;
    if (!queue.contains(slot)) queue.push_back(slot);
  }
  void remove(std::uint32_t slot) {
    silent_.remove(slot);
    pending_hellos_.remove(slot);
    resuming_.remove(slot);
  }

  bool idle() const { return pending_hellos_.empty() && resuming_.empty(); }
  // Calls serve(slot) for those whose turn it is in this tick. It returns whether the handshake went on: one
  // whose client has left takes nothing of the ration.
  template <class Serve>
  void serve(Millis now, Serve&& serve) {
    for (unsigned served = 0; served < kHandshakesPerTick;) {
      const std::uint32_t slot = take(now);
      if (slot == kNone) return;
      const bool begins = !connections_[slot].hello_served;
      if (!serve(slot)) continue;
      if (begins) ++hellos_served_;
      ++served;
    }
  }
  std::uint32_t hellos_served() const { return hellos_served_; }  // in all; it starts at 0 again after 2^32

  // Whether there is room for more ClientHellos: for those that wait, and for those that could come at once.
  bool has_room() const { return pending_hellos_.size() < kMaxPendingHellos && silent_.size() < kMaxSilent; }
  // The connection that has been silent for too long, when there are too many such; kNone.
  std::uint32_t silent_to_evict(Millis now) const { return now >= eviction_due() ? silent_.front() : kNone; }
  // When there is one.
  Millis eviction_due() const {
    return silent_.size() < kMaxSilent ? kNever : connections_[silent_.front()].since + kSilentGrace;
  }

 private:
  // Handshake flights that one service serves in one tick, so that private-key work
  // delays the other connections and TFTP by a few milliseconds at the most.
  static constexpr unsigned kHandshakesPerTick = 4;
  // ClientHellos that may be pending. The rest wait in the kernel, where they hold no received buffers:
  // those are needed by the second flights of handshakes, for which the private-key work is already done.
  static constexpr std::uint32_t kMaxPendingHellos = 128;
  // Connections whose ClientHello has not come yet: they could all come at once. When there are more,
  // the connections that have been silent for kSilentGrace are evicted.
  static constexpr std::uint32_t kMaxSilent = 512;
  static constexpr Millis kSilentGrace = 200;
  // Beyond this wait the newest handshake is served first: under overload some
  // clients get their answer in time, instead of all of them late.
  static constexpr Millis kMaxHandshakeWait = 1'000;

  std::uint32_t take(Millis now);

  const StreamConnections& connections_;
  SlotList silent_;          // accepted, and their ClientHello has not come
  SlotList pending_hellos_;  // ClientHellos that wait to be served
  SlotList resuming_;        // later flights of handshakes: nearly done, so served first
  std::uint32_t hellos_served_ = 0;
};

}  // namespace anchord::service
