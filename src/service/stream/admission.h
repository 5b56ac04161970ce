// Who gets a connection: when one service's listeners accept, how long their backlogs are, and which
// connection gives way to a newcomer at a limit. It ends no connection itself: it names the one, and its
// owner ends it and says so.
//
// A connection is known by its slot. Its owner tells how far it has come: admitted(), heard(),
// handshake_done(), answered(), moved() any number of times, and at its end ending(), lingers() and
// removed().
#pragma once

#include <cstdint>
#include <vector>

#include "anchord/io/ring.h"
#include "context/shard_context.h"
#include "limits/neighbours.h"
#include "limits/slot_list.h"
#include "stream/stream_connection.h"
#include "stream/stream_identity.h"

namespace anchord::service {

class Admission {
 public:
  static constexpr std::uint32_t kNone = SlotList::kNone;

  // The connections are their owner's, and looked at only.
  Admission(ShardContext& shard, const StreamIdentity& identity, const StreamConnections& connections,
            const std::vector<int>& listeners);

  // Has the listeners that are not armed accept one connection each, when there is room for more.
  // `hellos_welcome` says whether there is for handshakes.
  void arm_listeners(Millis now, bool hellos_welcome);
  // Takes note that a listener's accept has completed. Returns whether there is a connection.
  bool accepted(std::uint32_t listener, const io::Completion& completion);
  // Cuts the backlog under overload, and lets it grow again. To be called before the listeners are armed
  // anew, with the ClientHellos that were served since the start.
  void adjust_backlog(Millis now, std::uint32_t hellos_served);
  // When there is something to do for the listeners: kNever, a time, or `now` when at once.
  Millis next_wake(Millis now, bool hellos_welcome) const;
  // Accepts nothing more. New clients are to go elsewhere at once, rather than wait in a backlog.
  void drain();
  bool draining() const { return draining_; }
  bool has_armed_listeners() const { return armed_listeners_ > 0; }

  // Whether the source has as many connections as it may.
  bool crowded(const io::Host& host) const { return neighbours_.count(host) >= settings_.max_per_address; }
  // Chooses the connection of a crowded source that gives way to another from there, out of those that were
  // not answered yet: one on which nothing has come, else the one that has been longest without a handshake
  // or, without TLS, without a whole request, else one that finished its handshake long ago and asks nothing.
  // A connection that was answered once stays. kNone: nobody gives way.
  std::uint32_t neighbour_to_evict(const io::Host& host, Millis now) const;
  // Chooses the connection that gives way when there are as many as may be: one that lingers, else the one
  // that has been longest without a handshake or a question, else the one that has been silent longest. An
  // attacker has to open as many connections as the limit within the few milliseconds that an honest client
  // needs. kNone: nobody gives way.
  std::uint32_t connection_to_evict(Millis now) const;

  void admitted(std::uint32_t slot, const io::Host& host) {
    neighbours_.add(slot, host);
    fresh_.push_back(slot);
  }
  // Something has come.
  void heard(std::uint32_t slot) { neighbours_.advance(slot, Progress::speaking); }
  void handshake_done(std::uint32_t slot) {
    fresh_.remove(slot);
    quiet_.push_back(slot);
    neighbours_.advance(slot, Progress::handshake_done);
  }
  void answered(std::uint32_t slot) {
    neighbours_.advance(slot, Progress::answered);
    fresh_.remove(slot);
    moved(slot);
  }
  // The peer has taken a good part of its answer.
  void moved(std::uint32_t slot) { quiet_.move_to_back(slot); }
  // Its last output is on its way: it is no longer asked to give way.
  void ending(std::uint32_t slot) {
    fresh_.remove(slot);
    quiet_.remove(slot);
  }
  // Only the limit of all still counts it: there it gives way first.
  void lingers(std::uint32_t slot) {
    neighbours_.remove(slot);
    ending(slot);
    lingering_.push_back(slot);
  }
  void removed(std::uint32_t slot) {
    neighbours_.remove(slot);
    ending(slot);
    lingering_.remove(slot);
  }

 private:
  struct Listener {
    int descriptor = -1;
    bool armed = false;
    bool idle = false;  // nobody waited there at some time in this period
  };

  // When a listener had somebody waiting all through such a period, its backlog is cut to what is served
  // in a second: a client in a longer one would be served after it has given up, and a client that finds
  // no room in the backlog costs the service nothing.
  static constexpr Millis kBacklogPeriod = 200;
  static constexpr std::uint32_t kPeriodsInSecond = 5;
  static constexpr std::uint32_t kLeastBacklog = 64;
  // A period with fewer handshakes than this says nothing about the load.
  static constexpr std::uint32_t kTellingCount = 8;
  // The backlog is long again after such a time without a period like that.
  static constexpr Millis kBacklogEase = 10'000;
  // When that many connections are above the limit, nothing more is accepted until some are gone:
  // newcomers wait in the listener's backlog rather than be refused.
  static constexpr std::uint32_t kEnoughAbove = kSpareConnections / 2;
  // The pause after a failed accept (no descriptors left, say).
  static constexpr Millis kAcceptPause = 20;
  // How long a connection is safe from eviction by a newer one. A connection on which nothing has come is
  // not safe from one of the same address: a client's first bytes come with its connection.
  static constexpr Millis kHandshakeGrace = 50;
  static constexpr Millis kQuietGrace = 1'000;

  bool may_accept(Millis now, bool hellos_welcome) const;
  void set_backlog(int length);
  Millis age(std::uint32_t slot, Millis now) const { return now - connections_[slot].since; }

  ShardContext& shard_;
  const StreamSettings& settings_;
  const StreamConnections& connections_;
  const TagKind accept_;
  std::vector<Listener> listeners_;
  unsigned armed_listeners_ = 0;
  Neighbours neighbours_;  // those that are neither lingering nor terminating
  SlotList fresh_;  // has asked nothing, or is handshaking; by time of accept: the first is evicted first
  SlotList quiet_;  // the others that are serving, by time of the last progress
  SlotList lingering_;
  Millis accept_again_ = 0;
  std::uint32_t hellos_before_ = 0;  // ClientHellos that were served before this period
  Millis period_end_ = 0;
  Millis ease_at_ = 0;  // when the backlog is long again
  int backlog_ = kBacklog;
  bool draining_ = false;
};

}  // namespace anchord::service
