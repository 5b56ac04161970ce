// The side of the simulated ring that a shard sees: operations, their rules and
// their completions. What happens on the sockets is in sim_sockets.cc.
#include "sim_ring.h"

#include <algorithm>

#include "anchord/io/uring.h"
#include "sim_die.h"
#include "sim_flatten.h"

namespace anchord::io {
namespace {

// Far from real descriptors, so that a mix-up fails at once.
constexpr int kFirstDescriptor = 1'000'000;

constexpr std::uint64_t kMaxTicksAtOnce = 100'000;

// What a buffer's bytes become when it is given back.
constexpr std::uint8_t kPoison = 0xdd;

const char* name(Group group) {
  return group == Group::tcp ? "TCP" : "UDP";
}

}  // namespace

SimFaults SimFaults::some(std::uint64_t seed) {
  return {.seed = seed,
          .short_send = 20,
          .lost_more = 10,
          .empty_buffers = 5,
          .split_receive = 30,
          .late = 30,
          .max_delay = 20,
          .lost_cancel = 50,
          .failed_datagram = 5,
          .refused_segments = 10,
          .lost_datagram = 5,
          .doubled_datagram = 5,
          .overtaking_datagram = 10,
          .reorder = true};
}

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
std::uint64_t SimRing::Random::next() {
  std::uint64_t x = state += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::uint64_t SimRing::Random::below(std::uint64_t limit) {
  return limit == 0 ? 0 : next() % limit;
}

bool SimRing::Random::chance(unsigned percent) {
  return percent != 0 && below(100) < percent;
}

SimRing::SimRing(const SimSettings& settings)
    : settings_(settings), random_{settings.faults.seed}, next_descriptor_(kFirstDescriptor) {
  const auto fill = [](Pool& pool, unsigned count, unsigned size) {
    pool.size = size;
    pool.memory.assign(std::size_t{count} * size, kPoison);
    pool.state.assign(count, BufferState::free);
    pool.held.resize(count);
    for (unsigned id = 0; id < count; ++id) pool.free.push_back(static_cast<std::uint16_t>(id));
  };
  fill(pool(Group::tcp), settings.tcp_buffers, settings.tcp_buffer_size);
  fill(pool(Group::udp), settings.udp_buffers, settings.udp_buffer_size);
  waker_ = new_descriptor({.kind = Kind::waker});
}

SimRing::~SimRing() = default;

SimRing::Socket& SimRing::socket(int descriptor, Kind kind, const char* what) {
  const auto found = sockets_.find(descriptor);
  if (found == sockets_.end()) {
    const bool was_open = descriptor >= kFirstDescriptor && descriptor < next_descriptor_;
    die("{} on descriptor {}, which {}", what, descriptor, was_open ? "is closed" : "was never given out");
  }
  if (found->second.kind != kind) die("{} on descriptor {}, which is of another kind", what, descriptor);
  return found->second;
}

SimRing::Operation& SimRing::start(Action action, int descriptor, std::uint64_t tag, const char* what) {
  if (tag == kIgnore) die("{} on descriptor {} with the tag kIgnore", what, descriptor);
  const auto [at, is_new] = operations_.try_emplace(tag);
  if (!is_new) die("{} on descriptor {}: the tag {:#x} is already in flight", what, descriptor, tag);
  at->second.action = action;
  at->second.descriptor = descriptor;
  touch(descriptor);
  return at->second;
}

void SimRing::arm(Action action, int descriptor, Kind kind, std::uint64_t tag, const char* what) {
  Socket& on = socket(descriptor, kind, what);
  if (on.reader != kIgnore) die("{} armed twice on descriptor {}", what, descriptor);
  start(action, descriptor, tag, what);
  on.reader = tag;
}

void SimRing::accept(int listener, std::uint64_t tag) {
  arm(Action::accept, listener, Kind::listener, tag, "accept");
}

void SimRing::set_backlog(int listener, int length) {
  Socket& on = socket(listener, Kind::listener, "set_backlog");
  if (on.shut) die("set_backlog on descriptor {}, which was shut down", listener);
  on.backlog = static_cast<std::size_t>(length);
}

std::size_t SimRing::backlog(int listener) {
  return socket(listener, Kind::listener, "backlog").backlog;
}

void SimRing::receive(int connection, std::uint64_t tag) {
  arm(Action::receive, connection, Kind::connection, tag, "receive");
}

void SimRing::receive_datagrams(int socket, std::uint64_t tag) {
  arm(Action::receive_datagrams, socket, Kind::udp_socket, tag, "receive_datagrams");
}

void SimRing::watch_waker(std::uint64_t tag) {
  arm(Action::watch, waker_, Kind::waker, tag, "watch_waker");
}

SimRing::Operation& SimRing::start_send(int connection, Buffer copy, std::uint64_t tag) {
  Socket& on = socket(connection, Kind::connection, "send");
  if (!on.senders.empty()) die("two sends in flight on descriptor {}", connection);
  if (copy.empty()) die("a send of no bytes on descriptor {}", connection);
  if (known(on.peer).finished) die("a send on descriptor {}, whose side has ended", connection);
  Operation& operation = start(Action::send, connection, tag, "send");
  operation.copy = std::move(copy);
  on.senders.insert(tag);
  return operation;
}

void SimRing::send(int connection, Bytes bytes, std::uint64_t tag) {
  start_send(connection, to_buffer(bytes), tag).bytes = bytes;
}

void SimRing::send_iovecs(int connection, const IovecList& pieces, std::uint64_t tag) {
  start_send(connection, flatten(*pieces.message()), tag).message = pieces.message();
}

void SimRing::cancel(std::uint64_t tag) {
  if (tag == kIgnore) die("cancel of the tag kIgnore");
  const auto found = operations_.find(tag);
  if (found == operations_.end()) return;
  if (random_.chance(settings_.faults.lost_cancel)) progress_on(found->second.descriptor);
  if (!found->second.ended) post(tag, {.result = -ECANCELED});
}

void SimRing::finish(int connection) {
  Socket& on = socket(connection, Kind::connection, "finish");
  if (!on.senders.empty()) die("finish of descriptor {} with a send in flight", connection);
  known(on.peer).finished = true;
}

std::size_t SimRing::unacknowledged(int connection) {
  const Peer& to = known(socket(connection, Kind::connection, "unacknowledged").peer);
  const std::size_t left = to.to_peer.size() + to.unacknowledged;
  const bool end_is_lost = to.vanished || to.deaf || to.reset;
  return left + (to.finished && (left > 0 || end_is_lost) ? 1 : 0);
}

void SimRing::shutdown(int socket) {
  const auto found = sockets_.find(socket);
  if (found != sockets_.end() && found->second.kind == Kind::listener) {
    for (const int waiting : std::exchange(found->second.waiting, {})) known(waiting).closed = true;
    found->second.shut = true;
  } else {
    known(this->socket(socket, Kind::connection, "shutdown").peer).shut = true;
  }
  touch(socket);
}

void SimRing::close(int descriptor) {
  const auto found = sockets_.find(descriptor);
  if (found == sockets_.end() || found->second.kind == Kind::waker) {
    die("close of descriptor {}, which is not open", descriptor);
  }
  Socket& on = found->second;
  if (on.reader != kIgnore || !on.senders.empty()) {
    die("close of descriptor {} with operations in flight (tag {:#x})", descriptor,
        on.reader != kIgnore ? on.reader : *on.senders.begin());
  }
  for (const int waiting : on.waiting) known(waiting).closed = true;
  if (on.kind == Kind::connection) {
    known(on.peer).closed = true;
    known(on.peer).descriptor = -1;
  }
  sockets_.erase(found);
  free_descriptors_.insert(descriptor);
}

Address SimRing::peer(const Completion& accepted) {
  return known(socket(accepted.result, Kind::connection, "peer").peer).address;
}

void SimRing::check_out(Group group, std::uint16_t id, const char* what) {
  const Pool& from = pool(group);
  if (id >= from.state.size() || from.state[id] != BufferState::out) {
    die("{} of the {} buffer {}, which is not out", what, name(group), id);
  }
}

Bytes SimRing::buffer(Group group, std::uint16_t id, std::size_t length) {
  check_out(group, id, "use");
  if (length > pool(group).size) die("use of {} bytes of the {} buffer {}", length, name(group), id);
  return Bytes(pool(group).memory).subspan(id * pool(group).size, length);
}

Datagram SimRing::datagram(const Completion& completion) {
  if (!completion.has_buffer) return {};
  check_out(Group::udp, completion.buffer, "use");
  const Arrival& held = pool(Group::udp).held[completion.buffer];
  const auto length = static_cast<std::size_t>(completion.result);
  return {.from = held.from,
          .to = held.to,
          .payload = buffer(Group::udp, completion.buffer, length).subspan(kDatagramOverhead),
          .truncated = held.bytes.size() > length - kDatagramOverhead,
          .valid = true};
}

void SimRing::recycle(Group group, std::uint16_t id) {
  check_out(group, id, "recycle");
  Pool& to = pool(group);
  std::ranges::fill(MutableBytes(to.memory).subspan(id * to.size, to.size), kPoison);
  to.state[id] = BufferState::free;
  to.free.push_back(id);
}

std::size_t SimRing::buffers_out(Group group) const {
  return static_cast<std::size_t>(
      std::ranges::count(pools_[static_cast<std::size_t>(group)].state, BufferState::out));
}

void SimRing::post(std::uint64_t tag, Completion completion) {
  Operation& operation = operations_.at(tag);
  const SimFaults& faults = settings_.faults;
  completion.tag = tag;
  const Millis delay = random_.chance(faults.late) ? random_.below(faults.max_delay + 1) : 0;
  // The completions of one operation keep their order.
  const Millis due = std::max(time_ + delay, operation.last_due);
  auto rank = faults.reorder ? static_cast<unsigned>(random_.below(kRanks)) : 0;
  if (due == operation.last_due) rank = std::max(rank, operation.last_rank);
  operation.last_due = due;
  operation.last_rank = rank;
  operation.ended = !completion.more;
  posted_.emplace(CompletionKey{due, rank, sequence_++}, completion);
}

void SimRing::check_unchanged(std::uint64_t tag, const Operation& operation) const {
  const bool same = operation.message != nullptr ? flatten(*operation.message) == operation.copy
                                                 : same_bytes(operation.bytes, operation.copy);
  if (!same) {
    die("what was given to a send on descriptor {} (tag {:#x}) changed before its completion",
        operation.descriptor, tag);
  }
}

void SimRing::hand_over(const Completion& completion) {
  if (completion.has_buffer) {
    const auto action = operations_.at(completion.tag).action;
    pool(action == Action::receive ? Group::tcp : Group::udp).state[completion.buffer] = BufferState::out;
  }
  // There is none for a datagram that failed.
  if (const auto found = operations_.find(completion.tag); found != operations_.end() && !completion.more) {
    const Operation& operation = found->second;
    Socket& on = sockets_.at(operation.descriptor);
    check_unchanged(completion.tag, operation);
    if (on.senders.erase(completion.tag) == 0) on.reader = kIgnore;
    operations_.erase(found);
  }
  for (const std::uint64_t part : {time_, completion.tag, static_cast<std::uint64_t>(completion.result),
                                   static_cast<std::uint64_t>(completion.more)}) {
    trace_ = Random{trace_ ^ part}.next();
  }
  batch_.push_back(completion);
}

std::span<const Completion> SimRing::wait(Millis deadline) {
  ticks_at_once_ = time_ == last_tick_ ? ticks_at_once_ + 1 : 0;
  last_tick_ = time_;
  if (ticks_at_once_ > kMaxTicksAtOnce)
    die("{} waits at one moment: the shard turns in circles", ticks_at_once_);
  // Peers see what was sent before time goes on.
  const bool sends = !queued_.empty();
  submit();
  run_actions();
  progress();
  const Millis next = std::min({deadline, limit_, next_event()});
  if (!due() && !sends && next > time_) {
    time_ = next;
    run_actions();
    progress();
  }
  batch_.clear();
  while (due() && batch_.size() < settings_.batch) {
    const Completion completion = posted_.begin()->second;
    posted_.erase(posted_.begin());
    hand_over(completion);
  }
  seen_time_ = begin_turn([this] { return time_; });
  return batch_;
}

}  // namespace anchord::io
