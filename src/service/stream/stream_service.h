// The connections of one shard's service on TCP: how each lives, and its deadlines.
// What is said on a connection is the StreamProtocol's business. Who gets one is Admission's, whose handshake
// goes on is HandshakeQueue's, and the bytes are ConnectionIo's.
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

#include <algorithm>
#include <cstdint>
#include <vector>

#include "anchord/base/timer_wheel.h"
#include "anchord/io/ring.h"
#include "context/shard_context.h"
#include "context/tag.h"
#include "limits/slot_list.h"
#include "stream/admission.h"
#include "stream/connection_io.h"
#include "stream/handshake_queue.h"
#include "stream/stream_connection.h"
#include "stream/stream_identity.h"
#include "stream/stream_protocol.h"

namespace anchord::service {

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
  bool starving() const { return io_.starving(); }
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
  bool finished() const { return connections_.used() == 0 && !admission_.has_armed_listeners(); }

 private:
  using Phase = StreamPhase;
  using Connection = StreamConnection;

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
  // A drain closes a connection that was not answered, or whose handshake is under way, after such a silence.
  static constexpr Millis kDrainGrace = 1'000;

  // Counts the connections that are not terminating.
  std::uint32_t open() const { return connections_.used() - terminating_; }
  Counter* refusal(const io::Host& host);
  bool evict(std::uint32_t slot);
  void admit(int descriptor, const io::Address& peer);
  bool serve_handshake(std::uint32_t slot);
  void work(std::uint32_t slot);
  void after_output(std::uint32_t slot);
  void schedule(std::uint32_t slot);
  void keep_receiving(std::uint32_t slot);
  void close_gracefully(std::uint32_t slot);
  void begin_closing(std::uint32_t slot);
  void look(std::uint32_t slot);
  void look_again(Millis now);
  void leave(std::uint32_t slot);
  void linger_on(std::uint32_t slot, ConnectionIo::Received received);
  void break_off(std::uint32_t slot);
  void terminate(std::uint32_t slot);
  void release_when_quiet(std::uint32_t slot);
  void on_deadline(std::uint32_t slot, Millis now);
  Millis deadline(const Connection& connection) const;
  void note_dropped(const Connection& connection);
  void note_progress(std::uint32_t slot, const StreamProgress& progress);
  void restart_deadline(Connection& connection);

  ShardContext& shard_;
  const StreamSettings& settings_;
  StreamProtocol& protocol_;
  const StreamIdentity identity_;
  StreamConnections connections_;
  std::uint32_t terminating_ = 0;  // of them
  Admission admission_;
  HandshakeQueue handshakes_;
  ConnectionIo io_;
  TimerWheel timers_;
  SlotList awaiting_;  // with something awaited, by when to look again
};

}  // namespace anchord::service
