// The world behind the simulated ring: peers and time, and what they make of the
// operations in flight. Datagrams are in sim_datagrams.cc.
#include <algorithm>
#include <iterator>

#include "sim_die.h"
#include "sim_ring.h"

namespace anchord::io {

int SimRing::new_descriptor(Socket socket) {
  int descriptor = next_descriptor_;
  // A kernel gives the lowest free number; here a coin decides, so that a use of
  // the old one meets a stranger's connection in one run and nothing in another.
  if (settings_.faults.reuse_descriptors && !free_descriptors_.empty() && random_.chance(50)) {
    descriptor = *free_descriptors_.begin();
    free_descriptors_.erase(free_descriptors_.begin());
  } else {
    ++next_descriptor_;
  }
  sockets_.emplace(descriptor, std::move(socket));
  return descriptor;
}

SimRing::Peer& SimRing::known(int peer) {
  if (peer < 0 || static_cast<std::size_t>(peer) >= peers_.size()) die("there is no peer {}", peer);
  return peers_[static_cast<std::size_t>(peer)];
}

int SimRing::add_listener() {
  return new_descriptor({.kind = Kind::listener});
}

int SimRing::add_udp_socket(const Address& local) {
  return new_descriptor({.kind = Kind::udp_socket, .local = local});
}

int SimRing::connect(int listener, const Address& from) {
  const int peer = static_cast<int>(peers_.size());
  peers_.push_back({.address = from});
  const auto found = sockets_.find(listener);
  if (found == sockets_.end() || found->second.kind != Kind::listener || found->second.shut ||
      found->second.waiting.size() >= found->second.backlog) {
    peers_.back().closed = true;
  } else {
    found->second.waiting.push_back(peer);
    touch(listener);
  }
  return peer;
}

void SimRing::peer_send(int peer, Bytes bytes) {
  Peer& from = known(peer);
  if (from.ended) die("peer {} sends after its end", peer);
  if (from.vanished || from.reset || from.closed) return;
  acknowledge(from);
  from.to_server.insert(from.to_server.end(), bytes.begin(), bytes.end());
  touch(from.descriptor);
}

Buffer SimRing::peer_take(int peer) {
  return std::exchange(known(peer).taken, {});
}

void SimRing::peer_close(int peer) {
  Peer& from = known(peer);
  if (from.vanished) return;
  acknowledge(from);
  from.ended = true;
  touch(from.descriptor);
}

void SimRing::peer_reset(int peer) {
  Peer& from = known(peer);
  if (from.vanished) return;
  from.reset = true;
  from.to_server.clear();
  from.unacknowledged += from.to_peer.size();
  from.to_peer.clear();
  touch(from.descriptor);
}

void SimRing::peer_vanish(int peer) {
  known(peer).vanished = true;
}

void SimRing::peer_deafen(int peer) {
  known(peer).deaf = true;
}

void SimRing::peer_stall(int peer, bool stalled) {
  known(peer).stalled = stalled;
  flow_to(known(peer));
}

bool SimRing::peer_closed_by_server(int peer) const {
  const Peer& from = peers_.at(static_cast<std::size_t>(peer));
  return from.closed || from.shut || from.finished;
}

void SimRing::wake() {
  sockets_.at(waker_).woken = true;
  touch(waker_);
}

void SimRing::at(Millis when, std::function<void()> action) {
  actions_.emplace(when, std::move(action));
}

void SimRing::advance(Millis by) {
  time_ += by;
  limit_ = std::max(limit_, time_);
}

void SimRing::run_until(Millis limit) {
  limit_ = std::max(limit, time_);
}

bool SimRing::pending() const {
  return time_ < limit_ || due() || !touched_.empty() || !queued_.empty() || next_event() <= time_;
}

std::size_t SimRing::open_connections() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      sockets_, [](const auto& entry) { return entry.second.kind == Kind::connection; }));
}

void SimRing::run_actions() {
  while (!actions_.empty() && actions_.begin()->first <= time_) {
    const auto action = std::move(actions_.begin()->second);
    actions_.erase(actions_.begin());
    action();
  }
}

Millis SimRing::next_event() const {
  const Millis completion = posted_.empty() ? kNever : posted_.begin()->first.due;
  const Millis action = actions_.empty() ? kNever : actions_.begin()->first;
  return std::min(completion, action);
}

void SimRing::progress() {
  for (const int descriptor : std::exchange(touched_, {})) progress_on(descriptor);
}

void SimRing::progress_on(int descriptor) {
  const auto found = sockets_.find(descriptor);
  if (found == sockets_.end()) return;
  Socket& on = found->second;
  while (on.reader != kIgnore && !operations_.at(on.reader).ended && readable(on)) read_once(on);
  for (const std::uint64_t tag : on.senders) {
    const Operation& operation = operations_.at(tag);
    if (!operation.ended) send_some(tag, operation);
  }
}

bool SimRing::readable(const Socket& socket) {
  switch (socket.kind) {
    case Kind::listener:
      return socket.shut || !socket.waiting.empty();
    case Kind::udp_socket:
      return !socket.arrivals.empty();
    case Kind::waker:
      return socket.woken;
    case Kind::connection:
      break;
  }
  const Peer& from = known(socket.peer);
  return !from.to_server.empty() || from.ended || from.reset || from.shut;
}

void SimRing::read_once(Socket& socket) {
  Completion completion{.more = true};
  if (random_.chance(settings_.faults.lost_more)) {
    // A multishot may end with a good completion, or with an error of its own.
    completion.more = false;
    switch (random_.below(3)) {
      case 0:
        return post(socket.reader, {.result = -ECANCELED});
      case 1:
        if (socket.kind == Kind::waker) break;
        if (socket.kind != Kind::listener) return post(socket.reader, {.result = -ENOBUFS});
        return post(socket.reader, {.result = random_.chance(50) ? -EMFILE : -ECONNABORTED});
      default:
        break;
    }
  }
  switch (socket.kind) {
    case Kind::listener:
      return accept_next(socket, completion);
    case Kind::connection:
      return receive_some(socket, completion);
    case Kind::udp_socket:
      return receive_datagram(socket, completion);
    case Kind::waker:
      socket.woken = false;
      completion.result = 1;
      return post(socket.reader, completion);
  }
}

void SimRing::accept_next(Socket& listener, Completion completion) {
  if (listener.shut) return post(listener.reader, {.result = -EINVAL});
  completion.more = false;
  const int peer = listener.waiting.front();
  listener.waiting.pop_front();
  completion.result = new_descriptor({.kind = Kind::connection, .peer = peer});
  known(peer).descriptor = completion.result;
  post(listener.reader, completion);
}

bool SimRing::take_buffer(Group group, Completion& completion) {
  Pool& from = pool(group);
  if (from.free.empty() || random_.chance(settings_.faults.empty_buffers)) return false;
  completion.has_buffer = true;
  completion.buffer = from.free.front();
  from.free.pop_front();
  from.state[completion.buffer] = BufferState::posted;
  return true;
}

void SimRing::receive_some(Socket& connection, Completion completion) {
  Peer& from = known(connection.peer);
  if (from.reset) {
    // As Linux has it: EPIPE where the peer had ended its side before.
    const int error = from.ended ? -EPIPE : -ECONNRESET;
    return post(connection.reader, {.result = std::exchange(from.reset_seen, true) ? 0 : error});
  }
  if (from.to_server.empty()) return post(connection.reader, {.result = 0});
  if (!take_buffer(Group::tcp, completion)) return post(connection.reader, {.result = -ENOBUFS});

  Pool& into = pool(Group::tcp);
  std::size_t length = std::min(into.size, from.to_server.size());
  if (random_.chance(settings_.faults.split_receive)) length = 1 + random_.below(length);
  const auto end = from.to_server.begin() + static_cast<std::ptrdiff_t>(length);
  std::copy(from.to_server.begin(), end,
            into.memory.begin() + static_cast<std::ptrdiff_t>(completion.buffer * into.size));
  from.to_server.erase(from.to_server.begin(), end);
  completion.result = static_cast<std::int32_t>(length);
  post(connection.reader, completion);
}

void SimRing::send_some(std::uint64_t tag, const Operation& operation) {
  Peer& to = known(sockets_.at(operation.descriptor).peer);
  if (to.reset) return post(tag, {.result = std::exchange(to.reset_seen, true) ? -EPIPE : -ECONNRESET});
  if (to.shut) return post(tag, {.result = -EPIPE});
  std::size_t length = std::min(settings_.socket_buffer - to.to_peer.size(), operation.copy.size());
  if (length == 0) return;
  if (random_.chance(settings_.faults.short_send)) length = 1 + random_.below(length);
  to.to_peer.insert(to.to_peer.end(), operation.copy.begin(),
                    operation.copy.begin() + static_cast<std::ptrdiff_t>(length));
  flow_to(to);
  post(tag, {.result = static_cast<std::int32_t>(length)});
}

void SimRing::flow_to(Peer& peer) {
  if (peer.stalled || peer.vanished || peer.deaf || peer.reset || peer.to_peer.empty()) return;
  peer.taken.insert(peer.taken.end(), peer.to_peer.begin(), peer.to_peer.end());
  peer.unacknowledged += peer.to_peer.size();
  peer.to_peer.clear();
  touch(peer.descriptor);
  if (!random_.chance(settings_.faults.late)) return acknowledge(peer);
  const int late = static_cast<int>(&peer - peers_.data());
  at(time_ + random_.below(settings_.faults.max_delay + 1), [this, late] { acknowledge(known(late)); });
}

// What has reached a peer that nobody hears of stays unacknowledged.
void SimRing::acknowledge(Peer& peer) {
  if (!peer.vanished && !peer.reset) peer.unacknowledged = 0;
}

}  // namespace anchord::io
