// The connections of one shard's service on TCP: accepting, limits, deadlines, buffers.
// What is said on a connection is the StreamProtocol's business.
//
// A connection's life:
//
//   accepted ─► handshaking ─► serving ─► closing ─► lingering ─► (gone)
//        └──────────┴──────────┴─────────┴───────────┴─► terminating ─► (gone)
//
// handshaking: a TLS handshake is under way; without TLS a connection begins in serving.
// closing: the last output is on its way. lingering: our side has ended, and the peer has not yet
// acknowledged what the protocol wants to know as delivered. terminating: nothing more is wanted, and
// the slot waits only for its operations to complete; it is released when none is in flight, never before.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "anchord/base/slot_pool.h"
#include "anchord/base/timer_wheel.h"
#include "anchord/io/ring.h"
#include "context/shard_context.h"
#include "context/tag.h"
#include "limits/neighbours.h"
#include "limits/slot_list.h"
#include "stream/buffer_pool.h"
#include "stream/held_buffers.h"
#include "stream/stream_protocol.h"

namespace anchord::service {

// What tells the services of a shard apart.
struct StreamIdentity {
  TagKind accept;
  TagKind receive;
  TagKind send;
  StreamCounters counters;
  Counter& idle_timeouts;
  std::optional<TlsCounters> tls;            // of those on TLS
  TlsService tls_service = TlsService::tvs;  // likewise
};

// The received bytes of all of a shard's connections, which share the ring's buffers.
struct TcpBuffers {
  HeldBuffers held;
  bool freed = false;  // one was given back since the last tick
};

class StreamService {
 public:
  StreamService(ShardContext& shard, StreamProtocol& protocol, TcpBuffers& buffers,
                const StreamIdentity& identity, const std::vector<int>& listeners);

  void start();  // arms the listeners

  void on_accept(std::uint32_t listener, const io::Completion& completion);
  void on_receive(const Tag& tag, const io::Completion& completion);
  void on_send(const Tag& tag, const io::Completion& completion);

  // Does the work that is rationed or waits for something. The shard calls it once in each tick.
  void tick(Millis now);
  // Whether connections wait for a free buffer.
  bool starving() const { return !starved_.empty(); }
  // Ends what stalls and arms starved receives again. The shard calls it after the ticks of all services,
  // when one of them is starving.
  void handle_starvation(Millis now);
  // Says when tick() has something to do: kNever, a deadline, or `now` when at once.
  Millis next_wake(Millis now) const;

  // Stops accepting and closes what is idle; what is under way may end.
  void drain();
  // Does what Shard::give_way() says.
  std::uint64_t give_way_before(std::uint64_t version);
  // Ends everything at once.
  void terminate_all();
  bool finished() const { return connections_.used() == 0 && armed_listeners_ == 0; }

 private:
  enum class Phase : std::uint8_t { handshaking, serving, closing, lingering, terminating };

  struct Connection {
    HeldBuffers::Queue held;
    io::Address peer;
    int descriptor = -1;
    std::uint32_t output = BufferPool::kNone;
    std::uint32_t output_size = 0;
    std::array<Bytes, 2> body{};     // behind the output
    std::size_t sent = 0;            // of both
    std::size_t taken = 0;           // of them and of earlier ones, since `since`
    std::uint64_t output_taken = 0;  // by the socket, in all
    std::uint64_t awaited = 0;       // StreamProgress's, until it is acknowledged
    Millis look_at = 0;              // when to ask for that again
    io::IovecList iovecs;
    Millis since = 0;          // accept, then the handshake's end, then the last progress
    Millis stalled_since = 0;  // of the send that holds back received buffers
    Phase phase = Phase::handshaking;
    bool hello_served = false;  // its ClientHello was served
    bool receiving = false;     // a receive is armed
    bool cancelling = false;    // ... and was asked to end
    bool sending = false;       // a send is in flight
    bool answered = false;      // has had at least one answer
    bool peer_ended = false;    // nothing more will come
    bool must_flush = false;    // the protocol goes on after its output is sent
  };

  struct Listener {
    int descriptor = -1;
    bool armed = false;
    bool idle = false;  // nobody waited there at some time in this period
  };

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
  // Beyond this wait the newest handshake is served first: under overload some
  // clients get their answer in time, instead of all of them late.
  static constexpr Millis kMaxHandshakeWait = 1'000;
  // Received buffers that one connection may hold while its output is on its
  // way: a client that asks and does not read takes no more than these.
  static constexpr std::uint32_t kMaxHeld = 8;
  // When that many connections are above the limit, nothing more is accepted until some are gone:
  // newcomers wait in the listener's backlog rather than be refused.
  static constexpr std::uint32_t kEnoughAbove = kSpareConnections / 2;
  // Backpressure: a stalled connection, whose received buffers wait while its output does not move, may
  // keep those buffers from others for that long.
  static constexpr Millis kStallGrace = 100;
  // When no other sign comes, free buffers are looked for again after this time.
  static constexpr Millis kStarvedRetry = 10;
  // The pause after a failed accept (no descriptors left, say).
  static constexpr Millis kAcceptPause = 20;
  // The time in which the peer must take the last output of a connection.
  static constexpr Millis kClosingTimeout = 5'000;
  // The time in which the peer must acknowledge what was recorded, at the end of a connection: a lost
  // packet is retransmitted several times in it. Nothing else of the connection is kept, and a lingering
  // connection is evicted first.
  static constexpr Millis kLingerTimeout = 5'000;
  // How often the kernel is asked whether that is acknowledged, when nothing comes from the peer. The
  // time is longer than hosts delay an acknowledgement.
  static constexpr Millis kLookAgain = 250;
  // A peer must take that much of a large answer, or all that is left of it, within the idle timeout.
  // This stops clients that ask for much and read a byte a minute.
  static constexpr std::size_t kMinTaken = 64 * 1024;
  // The most in one send: the copying delays everything else of the shard.
  static constexpr std::size_t kMaxSend = 256 * 1024;
  // How long a connection is safe from eviction by a newer one. A connection on which nothing has come is
  // not safe from one of the same address: a client's first bytes come with its connection.
  static constexpr Millis kHandshakeGrace = 50;
  static constexpr Millis kQuietGrace = 1'000;

  // Counts the connections that are not terminating.
  std::uint32_t open() const { return connections_.used() - terminating_; }
  void admit(int descriptor, const io::Address& peer);
  void arm_listeners(Millis now);
  bool may_accept(Millis now) const;
  void adjust_backlog(Millis now);
  void set_backlog(int length);
  bool make_room();
  bool make_room_among_neighbours(const io::Host& host);
  void serve_handshakes(Millis now);
  void work(std::uint32_t slot);
  void send_output(std::uint32_t slot);
  void after_output(std::uint32_t slot);
  void schedule(std::uint32_t slot);
  void keep_receiving(std::uint32_t slot);
  void close_gracefully(std::uint32_t slot);
  void look(std::uint32_t slot);
  void look_again(Millis now);
  void leave(std::uint32_t slot);
  void linger_on(std::uint32_t slot, const io::Completion& completion);
  void terminate(std::uint32_t slot);
  void release_when_quiet(std::uint32_t slot);
  void recycle_front(Connection& connection);
  void on_deadline(std::uint32_t slot, Millis now);
  Millis deadline(const Connection& connection) const;
  void note_dropped(const Connection& connection);
  void note_progress(std::uint32_t slot, const StreamProgress& progress);
  void note_moving(std::uint32_t slot);
  static std::size_t output_left(const Connection& connection);
  std::uint64_t tag(TagKind kind, std::uint32_t slot) const {
    return Tag{kind, connections_.generation(slot), slot}.packed();
  }

  ShardContext& shard_;
  const StreamSettings& settings_;
  StreamProtocol& protocol_;
  TcpBuffers& buffers_;
  const StreamIdentity identity_;
  std::vector<Listener> listeners_;
  unsigned armed_listeners_ = 0;
  SlotPool<Connection> connections_;
  std::uint32_t terminating_ = 0;  // of them
  TimerWheel timers_;
  BufferPool outputs_;
  Neighbours neighbours_;  // those that are not terminating
  SlotList fresh_;   // has asked nothing, or is handshaking; by time of accept: the first is evicted first
  SlotList quiet_;   // the others that are serving, by time of the last progress
  SlotList silent_;  // accepted, and their ClientHello has not come
  SlotList pending_hellos_;  // ClientHellos that wait to be served
  SlotList resuming_;        // later flights of handshakes: nearly done, so served first
  SlotList starved_;         // waiting for a free buffer
  SlotList stalled_;         // backpressure: sending, with received buffers waiting
  SlotList awaiting_;        // with something awaited, by when to look again
  SlotList lingering_;
  Millis starved_retry_ = kNever;
  Millis accept_again_ = 0;
  std::uint32_t hellos_served_ = 0;  // ClientHellos served in this period
  Millis period_end_ = 0;
  Millis ease_at_ = 0;  // when the backlog is long again
  int backlog_ = kBacklog;
  bool draining_ = false;
};

}  // namespace anchord::service
