// A ring without an operating system: sockets, peers, time and faults are
// simulated, and all of it follows from one seed.
//
// It does what the kernel may do to a shard, on purpose and often, and it checks
// what a shard must not do. A broken rule ends the process with a line on
// standard error that starts with "simulated ring:"; rules:
//   - no use of a descriptor that was closed or never given;
//   - no close with operations in flight on the descriptor;
//   - one accept or receive per descriptor, one send per connection at a time;
//   - no two operations in flight with the same tag;
//   - bytes given to a send stay as they are until its completion, those of a datagram
//     until the next wait() or submit();
//   - a buffer is recycled once, by who got it (its bytes are overwritten then);
//   - nothing is sent behind the end that finish() sends;
//   - no turning in circles: a hundred thousand waits at one moment are too many.
//
// Time is virtual, in milliseconds from kStart. wait() moves it to whatever comes
// first: a completion, an action planned with at(), its deadline, or the limit
// that run_until() set; then it returns what is due, perhaps nothing. A test is
//
//   sim.run_until(sim.time() + 5000);
//   while (sim.pending()) shard.tick();   // calls sim.wait() once
//
// An acknowledgement comes with what a peer sends, or by itself, perhaps late.
//
// Faults never cost a byte of TCP, only its timing and its division: what a test
// says about the bytes must hold for each seed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "anchord/io/ring.h"

namespace anchord::io {

// Chances are percentages.
struct SimFaults {
  std::uint64_t seed = 1;
  unsigned short_send = 0;     // a send takes only a part of its bytes
  unsigned lost_more = 0;      // a multishot ends although nothing is wrong
  unsigned empty_buffers = 0;  // -ENOBUFS although there are buffers
  unsigned split_receive = 0;  // a receive gets only a part of what has arrived
  unsigned late = 0;           // a completion comes up to max_delay later
  Millis max_delay = 0;
  unsigned lost_cancel = 0;       // the operation goes on as far as it can, then ends
  unsigned failed_datagram = 0;   // a datagram's send fails with -ENOBUFS
  unsigned refused_segments = 0;  // a GSO batch of datagrams fails with -EIO
  // What happens to datagrams on their way, in either direction, to each datagram of a GSO batch for itself.
  unsigned lost_datagram = 0;
  unsigned doubled_datagram = 0;
  unsigned overtaking_datagram = 0;  // comes before up to kMaxOvertaken others
  bool reorder = false;              // among different operations, within one moment
  bool reuse_descriptors = true;     // a closed descriptor's number may come again at once

  // A bit of everything.
  static SimFaults some(std::uint64_t seed);
};

struct SimSettings {
  SimFaults faults;
  unsigned tcp_buffers = 64;
  unsigned tcp_buffer_size = 4096;
  unsigned udp_buffers = 64;
  unsigned udp_buffer_size = 2048;  // kDatagramOverhead of them are not payload, as in uring.h
  unsigned batch = 64;
  std::size_t socket_buffer = 65536;  // bytes that the server may send ahead of the peer's reading
  std::size_t path_mtu = 65535;       // a GSO batch of datagrams that does not fit it fails with -EINVAL
};

struct SimDatagram {
  int socket = -1;
  Address from;  // the address that was asked to be sent from, else the socket's
  Address to;
  Buffer bytes;
};

class SimRing final : public Ring {
 public:
  static constexpr Millis kStart = 1000;
  static constexpr std::size_t kMaxOvertaken = 4;

  explicit SimRing(const SimSettings& settings);
  ~SimRing() override;

  // The world, for tests.

  int add_listener();
  int add_udp_socket(const Address& local);

  // A new peer. It is refused, so closed by the server, when the listener is closed, shut
  // down, or its backlog full: this one does not ask again. The other calls take what this
  // returns.
  int connect(int listener, const Address& from);
  std::size_t backlog(int listener);  // as set last
  void peer_send(int peer, Bytes bytes);
  Buffer peer_take(int peer);               // what it has read so far, once
  void peer_close(int peer);                // it sends no more; it still reads
  void peer_reset(int peer);                // what was on the way, both ways, is lost
  void peer_vanish(int peer);               // no byte, acknowledgement or end comes from it again
  void peer_deafen(int peer);               // nothing that is sent from now on reaches it
  void peer_stall(int peer, bool stalled);  // stops reading, or reads on
  bool peer_closed_by_server(int peer) const;

  void datagram(int socket, const Address& from, Bytes bytes);
  // To the given local host of the socket, as on a machine with several.
  void datagram_to(int socket, const Address& from, const Host& to, Bytes bytes);
  std::vector<SimDatagram> take_datagrams();

  void wake();

  // Runs `action` in the wait() that reaches this time.
  void at(Millis when, std::function<void()> action);
  // Time passes while the shard is not running, as on a busy machine.
  void advance(Millis by);
  void run_until(Millis limit);
  bool pending() const;  // another wait() could return or change something
  Millis time() const { return time_; }

  std::size_t open_connections() const;  // accepted, and not closed by the shard
  std::size_t operations_in_flight() const { return operations_.size(); }
  std::size_t buffers_out(Group group) const;     // given to the shard and not yet recycled
  std::uint64_t trace() const { return trace_; }  // a hash of every completion and its time

  // The ring.

  Millis now() const override { return seen_time_; }
  std::uint64_t micros_since_wait() const override { return 0; }  // a turn takes no time
  void accept(int listener, std::uint64_t tag) override;
  void set_backlog(int listener, int length) override;
  void receive(int connection, std::uint64_t tag) override;
  void receive_datagrams(int socket, std::uint64_t tag) override;
  void send(int connection, Bytes bytes, std::uint64_t tag) override;
  void send_iovecs(int connection, const IovecList& pieces, std::uint64_t tag) override;
  OutDatagram& new_datagram() override;
  void send_datagram(int socket, const OutDatagram& datagram, std::uint64_t tag) override;
  void submit() override;
  void watch_waker(std::uint64_t tag) override;
  void cancel(std::uint64_t tag) override;
  void finish(int connection) override;
  std::size_t unacknowledged(int connection) override;
  void shutdown(int socket) override;
  void close(int descriptor) override;
  Address peer(const Completion& accepted) override;
  Bytes buffer(Group group, std::uint16_t id, std::size_t length) override;
  Datagram datagram(const Completion& completion) override;
  void recycle(Group group, std::uint16_t id) override;
  std::span<const Completion> wait(Millis deadline) override;

 private:
  enum class Kind { listener, connection, udp_socket, waker };
  enum class Action { accept, receive, receive_datagrams, send, watch };
  enum class BufferState : std::uint8_t { free, posted, out };

  struct Operation {
    Action action{};
    int descriptor = -1;
    bool ended = false;  // its last completion is on the way
    Millis last_due = 0;
    unsigned last_rank = 0;
    Bytes bytes;                      // what to send, where the shard keeps it
    const msghdr* message = nullptr;  // ... or which pieces
    Buffer copy;                      // what that was when it was given
  };
  struct Queued {  // a datagram between send_datagram() and the next submission
    int socket = -1;
    std::uint64_t tag = kIgnore;
    const OutDatagram* datagram = nullptr;
    Buffer copy;
  };
  struct Arrival {
    Address from;
    Host to;
    Buffer bytes;
  };
  struct Socket {
    Kind kind{};
    std::uint64_t reader = kIgnore;  // the tag of the accept, receive or watch
    std::set<std::uint64_t> senders;
    int peer = -1;
    Address local;
    std::deque<int> waiting;       // peers to accept
    bool shut = false;             // a listener that refuses
    std::size_t backlog = 4096;    // of a listener
    std::deque<Arrival> arrivals;  // datagrams to receive
    bool woken = false;
  };
  struct Peer {
    Address address;
    int descriptor = -1;  // the server's end, or -1
    Buffer to_server;     // sent and not yet received
    Buffer to_peer;       // in the server's socket buffer
    Buffer taken;         // read by the peer
    bool ended = false;
    bool reset = false;
    bool reset_seen = false;  // the server has had its -ECONNRESET
    bool vanished = false;
    bool deaf = false;
    bool finished = false;           // the server has ended its side
    std::size_t unacknowledged = 0;  // has left the server's socket buffer
    bool stalled = false;
    bool shut = false;    // by the server
    bool closed = false;  // by the server
  };
  struct Pool {
    std::size_t size = 0;
    Buffer memory;
    std::vector<BufferState> state;
    std::vector<Arrival> held;  // the datagram in each buffer
    std::deque<std::uint16_t> free;
  };
  struct Random {
    std::uint64_t state = 0;
    std::uint64_t next();
    std::uint64_t below(std::uint64_t limit);  // 0 for 0
    bool chance(unsigned percent);
  };
  // Completions at one moment are ordered by a rank drawn from this many.
  static constexpr std::uint64_t kRanks = 64;
  // When, in which order within the moment, and after what else.
  struct CompletionKey {
    Millis due = 0;
    unsigned rank = 0;
    std::uint64_t sequence = 0;
    auto operator<=>(const CompletionKey&) const = default;
  };

  Socket& socket(int descriptor, Kind kind, const char* what);
  int new_descriptor(Socket socket);
  Peer& known(int peer);
  Pool& pool(Group group) { return pools_[static_cast<std::size_t>(group)]; }
  void check_out(Group group, std::uint16_t id, const char* what);

  Operation& start_send(int connection, Buffer copy, std::uint64_t tag);
  Operation& start(Action action, int descriptor, std::uint64_t tag, const char* what);
  void arm(Action action, int descriptor, Kind kind, std::uint64_t tag, const char* what);
  void post(std::uint64_t tag, Completion completion);
  void hand_over(const Completion& completion);
  void check_unchanged(std::uint64_t tag, const Operation& operation) const;
  bool due() const { return !posted_.empty() && posted_.begin()->first.due <= time_; }

  void touch(int descriptor) { touched_.insert(descriptor); }
  void progress();
  void progress_on(int descriptor);
  bool readable(const Socket& socket);
  void read_once(Socket& socket);
  void accept_next(Socket& listener, Completion completion);
  void receive_some(Socket& connection, Completion completion);
  void receive_datagram(Socket& socket, Completion completion);
  bool take_buffer(Group group, Completion& completion);
  void send_some(std::uint64_t tag, const Operation& operation);
  void send_out(const Queued& queued);
  void fail_datagram(std::uint64_t tag, int error);
  template <class List>
  void deliver(List& to, typename List::value_type datagram);
  void flow_to(Peer& peer);
  void acknowledge(Peer& peer);
  void run_actions();
  Millis next_event() const;

  SimSettings settings_;
  Random random_;
  Millis time_ = kStart;
  Millis seen_time_ = kStart;
  Millis limit_ = kStart;
  Millis last_tick_ = kStart;
  std::uint64_t ticks_at_once_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t trace_ = 0;
  int next_descriptor_;
  int waker_ = -1;
  std::map<int, Socket> sockets_;
  std::set<int> free_descriptors_;
  std::vector<Peer> peers_;
  std::map<std::uint64_t, Operation> operations_;
  std::map<CompletionKey, Completion> posted_;
  std::multimap<Millis, std::function<void()>> actions_;
  std::set<int> touched_;
  std::array<OutDatagram, 8> datagrams_;  // few, so that they are used again soon
  std::vector<Queued> queued_;
  std::size_t datagrams_used_ = 0;
  std::vector<SimDatagram> sent_;
  std::array<Pool, 2> pools_;
  std::vector<Completion> batch_;
};

}  // namespace anchord::io
