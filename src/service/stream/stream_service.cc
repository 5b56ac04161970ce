#include "stream/stream_service.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace anchord::service {

StreamService::StreamService(ShardContext& shard, StreamProtocol& protocol, TcpBuffers& buffers,
                             const StreamIdentity& identity, const std::vector<int>& listeners)
    : shard_(shard),
      settings_(shard.settings.stream),
      protocol_(protocol),
      buffers_(buffers),
      identity_(identity),
      connections_(stream_slots(settings_)),
      timers_(connections_.capacity(), shard.ring.now()),
      outputs_(connections_.capacity(), protocol.room()),
      neighbours_(connections_.capacity(), shard.seed),
      fresh_(connections_.capacity()),
      quiet_(connections_.capacity()),
      silent_(connections_.capacity()),
      pending_hellos_(connections_.capacity()),
      resuming_(connections_.capacity()),
      starved_(connections_.capacity()),
      stalled_(connections_.capacity()),
      awaiting_(connections_.capacity()),
      lingering_(connections_.capacity()) {
  for (int descriptor : listeners) listeners_.push_back({.descriptor = descriptor});
}

void StreamService::start() {
  arm_listeners(shard_.ring.now());
}

bool StreamService::may_accept(Millis now) const {
  return !draining_ && now >= accept_again_ && pending_hellos_.size() < kMaxPendingHellos &&
         silent_.size() < kMaxSilent && connections_.used() < settings_.max_connections + kEnoughAbove;
}

// One at a time, so that accepting never runs ahead of what is to be served.
void StreamService::arm_listeners(Millis now) {
  if (!may_accept(now)) return;
  for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].armed) continue;
    shard_.ring.accept(listeners_[i].descriptor, Tag{identity_.accept, 0, i}.packed());
    listeners_[i].armed = true;
    ++armed_listeners_;
  }
}

// Cuts the backlog under overload, and lets it grow again. Called before the listeners are armed anew.
void StreamService::adjust_backlog(Millis now) {
  if (draining_) return;
  if (silent_.size() >= kMaxSilent && now - connections_[silent_.front()].since >= kSilentGrace) {
    identity_.counters.evicted.add();
    terminate(silent_.front());
  }
  // An accept that is still armed after a wait found nobody.
  for (Listener& listener : listeners_) listener.idle |= listener.armed;
  if (backlog_ != kBacklog && now >= ease_at_) set_backlog(kBacklog);
  if (now < period_end_) return;
  bool telling = now - period_end_ < kBacklogPeriod && hellos_served_ >= kTellingCount;
  if (telling && !std::ranges::all_of(listeners_, &Listener::idle)) {
    std::uint32_t in_a_second = hellos_served_ * kPeriodsInSecond;
    set_backlog(static_cast<int>(std::clamp<std::uint32_t>(in_a_second, kLeastBacklog, kBacklog)));
    ease_at_ = now + kBacklogEase;
  }
  for (Listener& listener : listeners_) listener.idle = false;
  hellos_served_ = 0;
  period_end_ = now + kBacklogPeriod;
}

void StreamService::set_backlog(int length) {
  if (length == backlog_) return;
  for (const Listener& listener : listeners_) shard_.ring.set_backlog(listener.descriptor, length);
  backlog_ = length;
}

void StreamService::on_accept(std::uint32_t listener, const io::Completion& completion) {
  listeners_[listener].armed = false;
  --armed_listeners_;
  if (completion.result >= 0) {
    admit(completion.result, shard_.ring.peer(completion));
  } else if (completion.result != -ECANCELED && completion.result != -ECONNABORTED) {
    accept_again_ = shard_.ring.now() + kAcceptPause;
  }
}

void StreamService::admit(int descriptor, const io::Address& peer) {
  Counter* refused = nullptr;
  if (!shard_.allowed(peer.host)) {
    refused = &identity_.counters.refused_network;
  } else if (neighbours_.count(peer.host) >= settings_.max_per_address &&
             !make_room_among_neighbours(peer.host)) {
    refused = &identity_.counters.refused_address;
  } else if (draining_ || connections_.full() || (open() >= settings_.max_connections && !make_room())) {
    refused = &identity_.counters.refused_full;
  }
  if (refused != nullptr) {
    refused->add();
    shard_.ring.close(descriptor);
    return;
  }
  std::uint32_t slot = connections_.acquire();
  Connection& c = connections_[slot];
  bool started = false;
  if (!shard_.with_memory([&] { started = protocol_.start(slot, peer.host); })) protocol_.reset(slot);
  if (!started) {
    connections_.release(slot);
    shard_.ring.close(descriptor);
    return;
  }
  c.descriptor = descriptor;
  c.peer = peer;
  c.since = shard_.ring.now();
  neighbours_.add(slot, peer.host);
  identity_.counters.accepted.add();
  identity_.counters.open.set(open());
  if (protocol_.handshaking(slot)) {
    silent_.push_back(slot);
  } else {
    c.phase = Phase::serving;
  }
  fresh_.push_back(slot);
  timers_.arm(slot, deadline(c));
  keep_receiving(slot);
}

// Evicts one connection at the limit: one that lingers, else the one that has been longest without a
// handshake or a question, else the one that has been silent longest. An attacker has to open as many
// connections as the limit within the few milliseconds that an honest client needs.
bool StreamService::make_room() {
  Millis now = shard_.ring.now();
  std::uint32_t victim = SlotList::kNone;
  if (!lingering_.empty()) {
    victim = lingering_.front();
  } else if (!fresh_.empty() && now - connections_[fresh_.front()].since >= kHandshakeGrace) {
    victim = fresh_.front();
  } else if (!quiet_.empty() && now - connections_[quiet_.front()].since >= kQuietGrace) {
    victim = quiet_.front();
  }
  if (victim == SlotList::kNone) return false;
  identity_.counters.evicted.add();
  terminate(victim);
  return !connections_.full();
}

// Evicts one connection of an address that is at its limit, out of those that were not answered yet: one on
// which nothing has come, else the one that has been longest without a handshake or, without TLS, without a
// whole request, else one that finished its handshake long ago and asks nothing. A connection that was
// answered once stays.
bool StreamService::make_room_among_neighbours(const io::Host& host) {
  const Millis now = shard_.ring.now();
  for (auto [stage, grace] :
       {std::pair{Progress::mute, Millis{0}}, std::pair{Progress::speaking, kHandshakeGrace},
        std::pair{Progress::handshake_done, kQuietGrace}}) {
    std::uint32_t victim = neighbours_.longest(host, stage);
    if (victim == Neighbours::kNone || now - connections_[victim].since < grace) continue;
    identity_.counters.evicted.add();
    terminate(victim);
    return true;
  }
  return false;
}

void StreamService::on_receive(const Tag& tag, const io::Completion& completion) {
  assert(connections_.alive(tag.slot, tag.generation));
  Connection& c = connections_[tag.slot];
  if (!completion.more) c.receiving = c.cancelling = false;
  bool wanted = c.phase == Phase::handshaking || c.phase == Phase::serving;
  if (completion.has_buffer) {
    if (wanted && completion.result > 0) {
      buffers_.held.push(c.held, completion.buffer, static_cast<std::uint32_t>(completion.result));
      neighbours_.advance(tag.slot, Progress::speaking);
    } else {
      shard_.ring.recycle(io::Group::tcp, completion.buffer);
      buffers_.freed = true;
    }
  }
  if (c.phase == Phase::terminating) return release_when_quiet(tag.slot);
  // Received bytes bring an acknowledgement with them.
  if (c.awaited != 0) look(tag.slot);
  if (c.phase == Phase::lingering) return linger_on(tag.slot, completion);
  if (!wanted) return;
  if (completion.result == 0) {
    c.peer_ended = true;
  } else if (completion.result == -ENOBUFS) {
    shard_.counters.tcp_buffers_empty.add();
    neighbours_.advance(tag.slot,
                        Progress::speaking);  // there was something to receive, or there may have been
    if (!starved_.contains(tag.slot)) starved_.push_back(tag.slot);
    if (starved_retry_ == kNever) starved_retry_ = shard_.ring.now() + kStarvedRetry;
  } else if (completion.result < 0 && completion.result != -ECANCELED && completion.result != -EINTR &&
             completion.result != -EAGAIN) {
    // What came before may say why.
    if (c.phase != Phase::handshaking || !c.hello_served || c.held.empty()) {
      note_dropped(c);
      return terminate(tag.slot);
    }
    c.peer_ended = true;
  }
  if (!c.sending) {
    schedule(tag.slot);
  } else if (!c.held.empty() && !stalled_.contains(tag.slot)) {
    c.stalled_since = shard_.ring.now();
    stalled_.push_back(tag.slot);
  }
  if (connections_.alive(tag.slot, tag.generation)) keep_receiving(tag.slot);
}

// Lets the connection go on with what it has: at once, or when handshakes are served.
void StreamService::schedule(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.held.empty() && !c.must_flush && !c.peer_ended) return;
  if (c.phase == Phase::serving) return work(slot);
  silent_.remove(slot);
  SlotList& queue = c.hello_served ? resuming_ : pending_hellos_;
  if (!queue.contains(slot)) queue.push_back(slot);
}

// Keeps a receive armed, but for a connection whose earlier bytes still wait.
void StreamService::keep_receiving(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.phase == Phase::closing || c.phase == Phase::terminating) return;
  if (c.held.count >= kMaxHeld) {
    if (c.receiving && !c.cancelling) {
      shard_.ring.cancel(tag(identity_.receive, slot));
      c.cancelling = true;
    }
  } else if (!c.receiving && !c.peer_ended && !starved_.contains(slot)) {
    shard_.ring.receive(c.descriptor, tag(identity_.receive, slot));
    c.receiving = true;
  }
}

void StreamService::tick(Millis now) {
  shard_.with_memory([&] { protocol_.tick(); });
  serve_handshakes(now);
  timers_.advance(now, [&](std::uint32_t slot) { on_deadline(slot, now); });
  look_again(now);
  adjust_backlog(now);
  arm_listeners(now);
}

Millis StreamService::next_wake(Millis now) const {
  if (!pending_hellos_.empty() || !resuming_.empty()) return now;
  Millis wake = std::min(timers_.next_wake(), starved_.empty() ? kNever : starved_retry_);
  if (!awaiting_.empty()) wake = std::min(wake, connections_[awaiting_.front()].look_at);
  if (draining_) return wake;
  if (backlog_ != kBacklog) wake = std::min(wake, ease_at_);
  if (silent_.size() >= kMaxSilent) wake = std::min(wake, connections_[silent_.front()].since + kSilentGrace);
  if (armed_listeners_ == listeners_.size()) return wake;
  if (now < accept_again_) return std::min(wake, accept_again_);
  return may_accept(now) ? now : wake;
}

void StreamService::serve_handshakes(Millis now) {
  for (unsigned served = 0; served < kHandshakesPerTick;) {
    std::uint32_t slot = SlotList::kNone;
    if (!resuming_.empty()) {
      slot = resuming_.front();
      resuming_.remove(slot);
    } else if (!pending_hellos_.empty()) {
      bool overloaded = now - connections_[pending_hellos_.front()].since > kMaxHandshakeWait;
      slot = overloaded ? pending_hellos_.back() : pending_hellos_.front();
      pending_hellos_.remove(slot);
    } else {
      return;
    }
    Connection& c = connections_[slot];
    if (!c.hello_served && c.peer_ended) {
      // The client has given up: nobody would see the signature.
      identity_.tls->handshake_timeouts.add();
      terminate(slot);
      continue;
    }
    if (!c.hello_served) ++hellos_served_;
    c.hello_served = true;
    ++served;
    work(slot);
  }
}

// Gives the protocol what has come, and takes what it says. Ends with a send under
// way, or with nothing left to do.
void StreamService::work(std::uint32_t slot) {
  Connection& c = connections_[slot];
  assert(!c.sending && (c.phase == Phase::handshaking || c.phase == Phase::serving));
  while (!c.held.empty() || c.must_flush) {
    // The front buffer has been given already when the protocol has not read all of it.
    Bytes input;
    if (protocol_.unread(slot) == 0 && !c.held.empty()) {
      const HeldBuffers& held = buffers_.held;
      input = shard_.ring.buffer(io::Group::tcp, held.front(c.held), held.front_length(c.held));
    }
    if (c.output == BufferPool::kNone) c.output = outputs_.acquire();
    c.must_flush = false;
    StreamProgress progress;
    // Without memory it is not known how much the protocol has read and written.
    if (!shard_.with_memory([&] { progress = protocol_.advance(slot, input, outputs_[c.output]); }))
      return terminate(slot);
    if (protocol_.unread(slot) == 0 && !c.held.empty()) recycle_front(c);
    note_progress(slot, progress);
    c.output_size = static_cast<std::uint32_t>(progress.produced);
    c.body = progress.body;
    c.sent = 0;
    if (output_left(c) > 0) return send_output(slot);
    outputs_.release(c.output);
    c.output = BufferPool::kNone;
    if (progress.next != StreamNext::more_input) return leave(slot);
  }
  // A peer that ends its side without a close_notify gets none.
  if (c.peer_ended) {
    note_dropped(c);
    return leave(slot);
  }
  if (draining_ && c.answered) return close_gracefully(slot);
  keep_receiving(slot);
}

// Counts a handshake that the peer has dropped. A peer that sent nothing only probed the port.
void StreamService::note_dropped(const Connection& c) {
  if (c.phase != Phase::handshaking || !c.hello_served) return;
  identity_.tls->handshakes_dropped.add();
  shard_.note(Trouble{.kind = Trouble::Kind::dropped,
                      .service = identity_.tls_service,
                      .from = c.peer.host,
                      .at = shard_.ring.now()});
}

void StreamService::note_progress(std::uint32_t slot, const StreamProgress& progress) {
  Connection& c = connections_[slot];
  Millis now = shard_.ring.now();
  const Millis before = deadline(c);
  if (c.phase == Phase::handshaking && !protocol_.handshaking(slot)) {
    c.phase = Phase::serving;
    c.since = now;
    fresh_.remove(slot);
    quiet_.push_back(slot);
    neighbours_.advance(slot, Progress::handshake_done);
  }
  if (progress.answered) {
    c.answered = true;
    neighbours_.advance(slot, Progress::answered);
    fresh_.remove(slot);
    note_moving(slot);
  }
  // A timer that is set for later would find a shorter limit too late.
  if (deadline(c) < before) timers_.arm(slot, deadline(c));
  if (progress.awaited != 0) {
    if (c.awaited == 0) {
      c.look_at = now + kLookAgain;
      awaiting_.push_back(slot);
    }
    c.awaited = progress.awaited;
  }
  c.must_flush = progress.next == StreamNext::flush_first;
  if (progress.next == StreamNext::finish) {
    c.phase = Phase::closing;
    fresh_.remove(slot);
    quiet_.remove(slot);
    timers_.arm(slot, now + kClosingTimeout);
  }
}

// Starts the deadline anew.
void StreamService::note_moving(std::uint32_t slot) {
  connections_[slot].since = shard_.ring.now();
  connections_[slot].taken = 0;
  quiet_.move_to_back(slot);
}

std::size_t StreamService::output_left(const Connection& c) {
  return c.output_size + c.body[0].size() + c.body[1].size() - c.sent;
}

void StreamService::send_output(std::uint32_t slot) {
  Connection& c = connections_[slot];
  std::array<Bytes, io::IovecList::kMaxParts> pieces{outputs_[c.output].first(c.output_size), c.body[0],
                                                     c.body[1]};
  std::size_t skip = c.sent;
  std::size_t room = kMaxSend;
  unsigned count = 0;
  for (Bytes& piece : pieces) {
    std::size_t skipped = std::min(skip, piece.size());
    skip -= skipped;
    piece = piece.subspan(skipped, std::min(piece.size() - skipped, room));
    room -= piece.size();
    if (!piece.empty()) pieces[count++] = piece;
  }
  if (count == 1) {
    shard_.ring.send(c.descriptor, pieces[0], tag(identity_.send, slot));
  } else {
    c.iovecs.set(std::span(pieces).first(count));
    shard_.ring.send_iovecs(c.descriptor, c.iovecs, tag(identity_.send, slot));
  }
  c.sending = true;
  if (!c.held.empty() && !stalled_.contains(slot)) {
    c.stalled_since = shard_.ring.now();
    stalled_.push_back(slot);
  }
}

void StreamService::on_send(const Tag& tag, const io::Completion& completion) {
  assert(connections_.alive(tag.slot, tag.generation));
  Connection& c = connections_[tag.slot];
  c.sending = false;
  if (c.phase == Phase::terminating) return release_when_quiet(tag.slot);
  bool again = completion.result == -EINTR || completion.result == -EAGAIN || completion.result == -ENOBUFS;
  if (completion.result <= 0 && !again) {
    note_dropped(c);
    return terminate(tag.slot);
  }
  if (completion.result > 0) {
    c.output_taken += static_cast<std::uint32_t>(completion.result);
    c.sent += static_cast<std::uint32_t>(completion.result);
    c.taken += static_cast<std::uint32_t>(completion.result);
  }
  if (c.taken >= kMinTaken && c.phase == Phase::serving) note_moving(tag.slot);
  if (output_left(c) > 0) return send_output(tag.slot);
  after_output(tag.slot);
}

void StreamService::after_output(std::uint32_t slot) {
  Connection& c = connections_[slot];
  outputs_.release(c.output);
  c.output = BufferPool::kNone;
  stalled_.remove(slot);
  if (c.phase == Phase::closing) return leave(slot);
  if (draining_ && c.answered && c.held.empty() && !c.must_flush) return close_gracefully(slot);
  std::uint32_t generation = connections_.generation(slot);
  schedule(slot);
  if (connections_.alive(slot, generation)) keep_receiving(slot);
}

// When received data finds no buffer, connections wait until some are given back;
// those that keep buffers because their own output does not move give way.
void StreamService::handle_starvation(Millis now) {
  while (!stalled_.empty() && now - connections_[stalled_.front()].stalled_since > kStallGrace) {
    identity_.counters.evicted.add();
    terminate(stalled_.front());
  }
  if (!buffers_.freed && now < starved_retry_) return;
  for (std::uint32_t waiting = starved_.size(); waiting > 0; --waiting) {
    std::uint32_t slot = starved_.front();
    starved_.remove(slot);
    keep_receiving(slot);
  }
  starved_retry_ = kNever;
}

void StreamService::recycle_front(Connection& c) {
  shard_.ring.recycle(io::Group::tcp, buffers_.held.front(c.held));
  buffers_.held.pop(c.held);
  buffers_.freed = true;
}

Millis StreamService::deadline(const Connection& c) const {
  if (c.phase == Phase::handshaking) return c.since + settings_.handshake_timeout;
  return c.since + (c.answered ? settings_.idle_timeout : settings_.request_timeout);
}

// Timers are not moved at each answer: a deadline that has moved on is found here.
void StreamService::on_deadline(std::uint32_t slot, Millis now) {
  Connection& c = connections_[slot];
  if (c.phase == Phase::closing || c.phase == Phase::lingering) return terminate(slot);
  if (deadline(c) > now) return timers_.arm(slot, deadline(c));
  (c.phase == Phase::handshaking ? identity_.tls->handshake_timeouts : identity_.idle_timeouts).add();
  close_gracefully(slot);
}

// Closes the connection gracefully, on TLS with a close_notify, where that is possible at once.
void StreamService::close_gracefully(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.sending || c.phase != Phase::serving) return terminate(slot);
  if (c.output == BufferPool::kNone) c.output = outputs_.acquire();
  c.output_size = static_cast<std::uint32_t>(protocol_.write_close_notify(slot, outputs_[c.output]));
  c.body = {};
  c.sent = 0;
  if (c.output_size == 0) return leave(slot);
  c.phase = Phase::closing;
  fresh_.remove(slot);
  quiet_.remove(slot);
  timers_.arm(slot, shard_.ring.now() + kClosingTimeout);
  send_output(slot);
}

// Asks how much of the output the peer has acknowledged, and tells the protocol.
void StreamService::look(std::uint32_t slot) {
  Connection& c = connections_[slot];
  std::uint64_t left = shard_.ring.unacknowledged(c.descriptor);
  // The end of our side comes behind all bytes.
  if (c.phase == Phase::lingering && left > 0) --left;
  // What a send that is in flight has brought to the socket is not in what it has taken.
  std::uint64_t acknowledged = c.output_taken - std::min(left, c.output_taken);
  protocol_.acknowledged(slot, acknowledged);
  if (acknowledged < c.awaited) return;
  c.awaited = 0;
  awaiting_.remove(slot);
}

// Asks again about the connections of peers that send nothing.
void StreamService::look_again(Millis now) {
  while (!awaiting_.empty() && connections_[awaiting_.front()].look_at <= now) {
    std::uint32_t slot = awaiting_.front();
    Connection& c = connections_[slot];
    look(slot);
    if (c.awaited != 0) {
      c.look_at = now + kLookAgain;
      awaiting_.move_to_back(slot);
    } else if (c.phase == Phase::lingering) {
      terminate(slot);
    }
  }
}

// Ends the connection when the socket has taken all output: at once, unless it is to be known that the
// peer has it.
void StreamService::leave(std::uint32_t slot) {
  Connection& c = connections_[slot];
  assert(!c.sending);
  // A peer that has ended its side sends nothing more, and has perhaps acknowledged all with its FIN.
  if (c.awaited != 0 && c.peer_ended) look(slot);
  if (c.awaited == 0) return terminate(slot);
  c.phase = Phase::lingering;
  neighbours_.remove(slot);  // only the limit of all still counts it: there it gives way first
  for (SlotList* list : {&fresh_, &quiet_, &starved_, &stalled_}) list->remove(slot);
  while (!c.held.empty()) recycle_front(c);
  if (c.output != BufferPool::kNone) outputs_.release(c.output);
  c.output = BufferPool::kNone;
  shard_.ring.finish(c.descriptor);
  lingering_.push_back(slot);
  timers_.arm(slot, shard_.ring.now() + kLingerTimeout);
  keep_receiving(slot);
}

// What a lingering peer sends is dropped; that it sends, or ends, says that it is there.
void StreamService::linger_on(std::uint32_t slot, const io::Completion& completion) {
  Connection& c = connections_[slot];
  bool is_passing = completion.result == -ENOBUFS || completion.result == -ECANCELED ||
                    completion.result == -EINTR || completion.result == -EAGAIN;
  if (c.awaited == 0 || (completion.result < 0 && !is_passing)) return terminate(slot);
  if (completion.result == 0) c.peer_ended = true;
  // Without a buffer it is not armed again: it is looked at in a while.
  if (completion.result != -ENOBUFS) keep_receiving(slot);
}

void StreamService::terminate(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.phase == Phase::terminating) return;
  if (c.awaited != 0) look(slot);
  c.phase = Phase::terminating;
  ++terminating_;
  identity_.counters.open.set(open());
  for (SlotList* list : {&fresh_, &quiet_, &silent_, &pending_hellos_, &resuming_, &starved_, &stalled_,
                         &awaiting_, &lingering_})
    list->remove(slot);
  neighbours_.remove(slot);
  timers_.cancel(slot);
  while (!c.held.empty()) recycle_front(c);
  if (c.sending || c.receiving) shard_.ring.shutdown(c.descriptor);  // so that they complete
  release_when_quiet(slot);
}

void StreamService::release_when_quiet(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.sending || c.receiving) return;
  protocol_.reset(slot);
  if (c.output != BufferPool::kNone) outputs_.release(c.output);
  shard_.ring.close(c.descriptor);
  c.held = {};
  c.body = {};
  c.sent = c.taken = 0;
  c.output_taken = c.awaited = 0;
  c.descriptor = -1;
  c.output = BufferPool::kNone;
  c.phase = Phase::handshaking;
  c.hello_served = c.cancelling = c.answered = c.peer_ended = c.must_flush = false;
  --terminating_;
  connections_.release(slot);
}

void StreamService::drain() {
  if (draining_) return;
  draining_ = true;
  // New clients are to go elsewhere at once, rather than wait in a backlog.
  for (const Listener& listener : listeners_) shard_.ring.shutdown(listener.descriptor);
  Millis now = shard_.ring.now();
  for (std::uint32_t slot = 0; slot < connections_.capacity(); ++slot) {
    if (!connections_.in_use(slot)) continue;
    Connection& c = connections_[slot];
    if (c.sending || !c.held.empty()) continue;
    bool silent = now - c.since >= kQuietGrace;
    if (c.phase == Phase::serving && (c.answered || silent)) {
      close_gracefully(slot);
    } else if (c.phase == Phase::handshaking && silent) {
      terminate(slot);
    }
  }
}

std::uint64_t StreamService::give_way_before(std::uint64_t version) {
  std::uint64_t oldest = StreamProtocol::kNoReader;
  for (std::uint32_t slot = 0; slot < connections_.capacity(); ++slot) {
    if (!connections_.in_use(slot) || connections_[slot].phase == Phase::terminating) continue;
    const std::uint64_t since = protocol_.reads_since(slot);
    if (since < version) {
      shard_.counters.memory_gave_way.add();
      terminate(slot);
    } else {
      oldest = std::min(oldest, since);
    }
  }
  return oldest;
}

void StreamService::terminate_all() {
  for (std::uint32_t slot = 0; slot < connections_.capacity(); ++slot)
    if (connections_.in_use(slot)) terminate(slot);
}

}  // namespace anchord::service
