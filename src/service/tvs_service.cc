#include "tvs_service.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "anchord/base/log.h"

namespace anchord::service {

TvsService::TvsService(ShardContext& shard, const std::vector<int>& listeners)
    : shard_(shard),
      settings_(shard.settings.tvs),
      connections_(settings_.max_connections + kSpareConnections),
      timers_(connections_.capacity(), shard.ring.now()),
      outputs_(connections_.capacity(), kOutputRoom),
      workspace_(connections_.capacity()),
      per_address_(connections_.capacity(), shard.seed),
      shaking_(connections_.capacity()),
      quiet_(connections_.capacity()),
      greeting_(connections_.capacity()),
      resuming_(connections_.capacity()),
      starved_(connections_.capacity()),
      holding_(connections_.capacity()) {
  for (int descriptor : listeners) listeners_.push_back({.descriptor = descriptor});
}

void TvsService::start() {
  arm_listeners(shard_.ring.now());
}

void TvsService::arm_listeners(Millis now) {
  crowded_ = crowded_ && connections_.used() > settings_.max_connections;
  if (draining_ || crowded_ || now < accept_again_) return;
  for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].armed) continue;
    shard_.ring.accept(listeners_[i].descriptor, Tag{TagKind::tvs_accept, 0, i}.packed());
    listeners_[i].armed = true;
    ++armed_listeners_;
  }
}

void TvsService::disarm_listeners() {
  for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
    if (!listeners_[i].armed || listeners_[i].cancelling) continue;
    shard_.ring.cancel(Tag{TagKind::tvs_accept, 0, i}.packed());
    listeners_[i].cancelling = true;
  }
}

void TvsService::on_accept(std::uint32_t listener, const io::Completion& completion) {
  if (!completion.more) {
    listeners_[listener].armed = listeners_[listener].cancelling = false;
    --armed_listeners_;
  }
  if (completion.result >= 0) {
    admit(completion.result);
  } else if (completion.result != -ECANCELED) {
    accept_again_ = shard_.ring.now() + kAcceptPause;
  }
}

void TvsService::admit(int descriptor) {
  io::Address peer = shard_.ring.peer(descriptor);
  io::Address key = source_of(peer.host);
  std::uint32_t from_there = per_address_.find(key);
  if (from_there == PeerMap::kNone) from_there = 0;
  Counter* refused = nullptr;
  if (!shard_.allowed(peer.host)) {
    refused = &shard_.counters.tvs_refused_network;
  } else if (from_there >= settings_.max_per_address) {
    refused = &shard_.counters.tvs_refused_address;
  } else if (draining_ || connections_.full() || (open() >= settings_.max_connections && !make_room())) {
    refused = &shard_.counters.tvs_refused_full;
  }
  if (refused != nullptr) {
    refused->add();
    shard_.ring.close(descriptor);
    return;
  }
  std::uint32_t slot = connections_.acquire();
  Connection& c = connections_[slot];
  if (Status started = c.session.start(shard_.pins.current().tls[shard_.shard]); !started) {
    log::error("tvs: cannot begin a TLS connection: " + started.error().text);
    connections_.release(slot);
    shard_.ring.close(descriptor);
    return;
  }
  c.descriptor = descriptor;
  c.peer = peer;
  c.since = shard_.ring.now();
  per_address_.set(key, from_there + 1);
  shard_.counters.tvs_accepted.add();
  shard_.counters.tvs_open.set(open());
  shaking_.push_back(slot);
  timers_.arm(slot, deadline(c));
  keep_receiving(slot);
  if (connections_.used() >= settings_.max_connections + kEnoughAbove) {
    crowded_ = true;
    disarm_listeners();
  }
}

// At the limit somebody gives way: who has been longest in a handshake, else who
// has been silent longest. An attacker has to open as many connections as the
// limit within the few milliseconds that an honest client needs.
bool TvsService::make_room() {
  Millis now = shard_.ring.now();
  std::uint32_t victim = SlotList::kNone;
  if (!shaking_.empty() && now - connections_[shaking_.front()].since >= kShakingGrace) {
    victim = shaking_.front();
  } else if (!quiet_.empty() && now - connections_[quiet_.front()].since >= kQuietGrace) {
    victim = quiet_.front();
  }
  if (victim == SlotList::kNone) return false;
  shard_.counters.tvs_evicted.add();
  terminate(victim);
  return !connections_.full();
}

void TvsService::on_receive(const Tag& tag, const io::Completion& completion) {
  assert(connections_.alive(tag.slot, tag.generation));
  Connection& c = connections_[tag.slot];
  if (!completion.more) c.receiving = c.cancelling = false;
  bool wanted = c.phase == Phase::shaking || c.phase == Phase::serving;
  if (completion.has_buffer) {
    if (wanted && completion.result > 0) {
      held_.push(c.held, completion.buffer, static_cast<std::uint32_t>(completion.result));
    } else {
      shard_.ring.recycle(io::Group::tcp, completion.buffer);
      freed_ = true;
    }
  }
  if (c.phase == Phase::terminating) return release_when_quiet(tag.slot);
  if (!wanted) return;
  if (completion.result == 0) {
    c.peer_ended = true;
  } else if (completion.result == -ENOBUFS) {
    shard_.counters.tcp_buffers_empty.add();
    if (!starved_.contains(tag.slot)) starved_.push_back(tag.slot);
    if (starved_retry_ == kNever) starved_retry_ = shard_.ring.now() + kStarvedRetry;
  } else if (completion.result < 0 && completion.result != -ECANCELED && completion.result != -EINTR &&
             completion.result != -EAGAIN) {
    return terminate(tag.slot);
  }
  if (!c.sending) {
    schedule(tag.slot);
  } else if (!c.held.empty() && !holding_.contains(tag.slot)) {
    c.holding_since = shard_.ring.now();
    holding_.push_back(tag.slot);
  }
  if (connections_.alive(tag.slot, tag.generation)) keep_receiving(tag.slot);
}

// Lets the connection go on with what it has: at once, or in the handshakes' turn.
void TvsService::schedule(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.held.empty() && !c.must_flush && !c.peer_ended) return;
  if (c.phase == Phase::serving) return work(slot);
  SlotList& queue = c.greeted ? resuming_ : greeting_;
  if (!queue.contains(slot)) queue.push_back(slot);
}

// Keeps a receive armed, but for a connection whose earlier bytes still wait.
void TvsService::keep_receiving(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.phase != Phase::shaking && c.phase != Phase::serving) return;
  if (c.held.count >= kMaxHeld) {
    if (c.receiving && !c.cancelling) {
      shard_.ring.cancel(tag(TagKind::tvs_receive, slot));
      c.cancelling = true;
    }
  } else if (!c.receiving && !c.peer_ended && !starved_.contains(slot)) {
    shard_.ring.receive(c.descriptor, tag(TagKind::tvs_receive, slot));
    c.receiving = true;
  }
}

void TvsService::turn(Millis now) {
  serve_handshakes(now);
  timers_.advance(now, [&](std::uint32_t slot) { on_deadline(slot, now); });
  relieve_starvation(now);
  arm_listeners(now);
}

Millis TvsService::next_wake(Millis now) const {
  if (!greeting_.empty() || !resuming_.empty()) return now;
  Millis wake = std::min(timers_.next_wake(), starved_.empty() ? kNever : starved_retry_);
  bool accept_paused = !draining_ && !crowded_ && armed_listeners_ < listeners_.size();
  return accept_paused ? std::min(wake, std::max(accept_again_, now)) : wake;
}

void TvsService::serve_handshakes(Millis now) {
  for (unsigned served = 0; served < kHandshakesPerTurn; ++served) {
    std::uint32_t slot = SlotList::kNone;
    if (!resuming_.empty()) {
      slot = resuming_.front();
      resuming_.remove(slot);
    } else if (!greeting_.empty()) {
      bool overloaded = now - connections_[greeting_.front()].since > kHandshakePatience;
      slot = overloaded ? greeting_.back() : greeting_.front();
      greeting_.remove(slot);
    } else {
      return;
    }
    connections_[slot].greeted = true;
    work(slot);
  }
}

// Gives the session what has come, and takes what it says. Ends with a send under
// way, or with nothing left to do.
void TvsService::work(std::uint32_t slot) {
  Connection& c = connections_[slot];
  assert(!c.sending && (c.phase == Phase::shaking || c.phase == Phase::serving));
  while (!c.held.empty() || c.must_flush) {
    // The front buffer has been given already when the session has not read all of it.
    Bytes input;
    if (c.session.unread() == 0 && !c.held.empty())
      input = shard_.ring.buffer(io::Group::tcp, held_.front(c.held), held_.front_length(c.held));
    if (c.output == BufferPool::kNone) c.output = outputs_.acquire();
    c.must_flush = false;
    TvsSession::Progress progress = c.session.advance(input, outputs_[c.output], shard_.pins.current(),
                                                      workspace_, shard_.counters, shard_.log.questions);
    if (c.session.unread() == 0 && !c.held.empty()) recycle_front(c);
    note_progress(slot, progress);
    if (progress.produced > 0) {
      c.output_size = static_cast<std::uint32_t>(progress.produced);
      c.output_sent = 0;
      send_output(slot);
      return;
    }
    outputs_.release(c.output);
    c.output = BufferPool::kNone;
    if (progress.next != TvsSession::Next::more_input) return terminate(slot);
  }
  if (c.peer_ended || (draining_ && c.answered)) return say_goodbye(slot);
  keep_receiving(slot);
}

void TvsService::note_progress(std::uint32_t slot, const TvsSession::Progress& progress) {
  Connection& c = connections_[slot];
  Millis now = shard_.ring.now();
  if (c.phase == Phase::shaking && c.session.state() != TvsSession::State::handshake) {
    c.phase = Phase::serving;
    c.since = now;
    shaking_.remove(slot);
    quiet_.push_back(slot);
  }
  if (progress.answered > 0) {
    c.answered = true;
    c.since = now;
    quiet_.move_to_back(slot);
  }
  c.must_flush = progress.next == TvsSession::Next::flush_first;
  if (progress.next == TvsSession::Next::finish) {
    c.phase = Phase::closing;
    quiet_.remove(slot);
    timers_.arm(slot, now + kClosingTimeout);
  }
}

void TvsService::send_output(std::uint32_t slot) {
  Connection& c = connections_[slot];
  Bytes rest = outputs_[c.output].subspan(c.output_sent, c.output_size - c.output_sent);
  shard_.ring.send(c.descriptor, rest, tag(TagKind::tvs_send, slot));
  c.sending = true;
  if (!c.held.empty() && !holding_.contains(slot)) {
    c.holding_since = shard_.ring.now();
    holding_.push_back(slot);
  }
}

void TvsService::on_send(const Tag& tag, const io::Completion& completion) {
  assert(connections_.alive(tag.slot, tag.generation));
  Connection& c = connections_[tag.slot];
  c.sending = false;
  if (c.phase == Phase::terminating) return release_when_quiet(tag.slot);
  bool again = completion.result == -EINTR || completion.result == -EAGAIN || completion.result == -ENOBUFS;
  if (completion.result <= 0 && !again) return terminate(tag.slot);
  if (completion.result > 0) c.output_sent += static_cast<std::uint32_t>(completion.result);
  if (c.output_sent < c.output_size) return send_output(tag.slot);
  after_output(tag.slot);
}

void TvsService::after_output(std::uint32_t slot) {
  Connection& c = connections_[slot];
  outputs_.release(c.output);
  c.output = BufferPool::kNone;
  holding_.remove(slot);
  if (c.phase == Phase::closing) return terminate(slot);
  if (draining_ && c.answered && c.held.empty() && !c.must_flush) return say_goodbye(slot);
  schedule(slot);
  if (c.phase == Phase::shaking || c.phase == Phase::serving) keep_receiving(slot);
}

// When received data finds no buffer, connections wait until some are given back;
// those that keep buffers because their own output does not move give way.
void TvsService::relieve_starvation(Millis now) {
  if (starved_.empty()) {
    freed_ = false;
    return;
  }
  while (!holding_.empty() && now - connections_[holding_.front()].holding_since > kHoldingGrace) {
    shard_.counters.tvs_evicted.add();
    terminate(holding_.front());
  }
  if (!freed_ && now < starved_retry_) return;
  freed_ = false;
  for (std::uint32_t waiting = starved_.size(); waiting > 0; --waiting) {
    std::uint32_t slot = starved_.front();
    starved_.remove(slot);
    keep_receiving(slot);
  }
  starved_retry_ = kNever;
}

void TvsService::recycle_front(Connection& c) {
  shard_.ring.recycle(io::Group::tcp, held_.front(c.held));
  held_.pop(c.held);
  freed_ = true;
}

Millis TvsService::deadline(const Connection& c) const {
  if (c.phase == Phase::shaking) return c.since + settings_.handshake_timeout;
  return c.since + (c.answered ? settings_.idle_timeout : settings_.request_timeout);
}

// Timers are not moved at each answer: a deadline that has moved on is found here.
void TvsService::on_deadline(std::uint32_t slot, Millis now) {
  Connection& c = connections_[slot];
  if (c.phase == Phase::closing) return terminate(slot);
  if (deadline(c) > now) return timers_.arm(slot, deadline(c));
  (c.phase == Phase::shaking ? shard_.counters.tvs_handshake_timeouts : shard_.counters.tvs_idle_timeouts)
      .add();
  say_goodbye(slot);
}

// Ends a connection politely where that is possible at once.
void TvsService::say_goodbye(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.sending || c.phase != Phase::serving) return terminate(slot);
  if (c.output == BufferPool::kNone) c.output = outputs_.acquire();
  c.output_size = static_cast<std::uint32_t>(c.session.say_goodbye(outputs_[c.output]));
  c.output_sent = 0;
  if (c.output_size == 0) return terminate(slot);
  c.phase = Phase::closing;
  quiet_.remove(slot);
  timers_.arm(slot, shard_.ring.now() + kClosingTimeout);
  send_output(slot);
}

void TvsService::terminate(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.phase == Phase::terminating) return;
  c.phase = Phase::terminating;
  ++terminating_;
  shard_.counters.tvs_open.set(open());
  for (SlotList* list : {&shaking_, &quiet_, &greeting_, &resuming_, &starved_, &holding_})
    list->remove(slot);
  timers_.cancel(slot);
  c.session.reset(workspace_);
  while (!c.held.empty()) recycle_front(c);
  shard_.ring.shutdown(c.descriptor);
  release_when_quiet(slot);
}

void TvsService::release_when_quiet(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.sending || c.receiving) return;
  if (c.output != BufferPool::kNone) outputs_.release(c.output);
  shard_.ring.close(c.descriptor);
  io::Address key = source_of(c.peer.host);
  std::uint32_t from_there = per_address_.find(key);
  if (from_there > 1) {
    per_address_.set(key, from_there - 1);
  } else {
    per_address_.erase(key);
  }
  c.held = {};
  c.descriptor = -1;
  c.output = BufferPool::kNone;
  c.phase = Phase::shaking;
  c.greeted = c.cancelling = c.answered = c.peer_ended = c.must_flush = false;
  --terminating_;
  connections_.release(slot);
}

void TvsService::drain() {
  if (draining_) return;
  draining_ = true;
  disarm_listeners();
  Millis now = shard_.ring.now();
  for (std::uint32_t slot = 0; slot < connections_.capacity(); ++slot) {
    if (!connections_.in_use(slot)) continue;
    Connection& c = connections_[slot];
    if (c.sending || !c.held.empty()) continue;
    bool silent = now - c.since >= kQuietGrace;
    if (c.phase == Phase::serving && (c.answered || silent)) say_goodbye(slot);
    if (c.phase == Phase::shaking && silent) terminate(slot);
  }
}

void TvsService::terminate_all() {
  for (std::uint32_t slot = 0; slot < connections_.capacity(); ++slot)
    if (connections_.in_use(slot)) terminate(slot);
}

}  // namespace anchord::service
