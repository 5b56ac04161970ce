#include "stream/stream_service.h"

#include <algorithm>
#include <cassert>

namespace anchord::service {

StreamService::StreamService(ShardContext& shard, StreamProtocol& protocol, TcpBuffers& buffers,
                             const StreamIdentity& identity, const std::vector<int>& listeners)
    : shard_(shard),
      settings_(shard.settings.stream),
      protocol_(protocol),
      identity_(identity),
      connections_(stream_slots(settings_)),
      admission_(shard, identity_, connections_, listeners),
      handshakes_(connections_),
      io_(shard, buffers, identity_, connections_.capacity(), protocol.room()),
      timers_(connections_.capacity(), shard.ring.now()),
      awaiting_(connections_.capacity()) {}

void StreamService::start() {
  admission_.arm_listeners(shard_.ring.now(), handshakes_.has_room());
}

void StreamService::on_accept(std::uint32_t listener, const io::Completion& completion) {
  if (admission_.accepted(listener, completion)) admit(completion.result, shard_.ring.peer(completion));
}

// What counts a connection from there that is not served; nullptr: it is served, and others may have given
// way.
Counter* StreamService::refusal(const io::Host& host) {
  const Millis now = shard_.ring.now();
  if (!shard_.allowed(host)) return &identity_.counters.refused_network;
  if (admission_.crowded(host) && !evict(admission_.neighbour_to_evict(host, now)))
    return &identity_.counters.refused_address;
  if (admission_.draining() || connections_.full()) return &identity_.counters.refused_full;
  if (open() < settings_.max_connections) return nullptr;
  const bool has_room = evict(admission_.connection_to_evict(now)) && !connections_.full();
  return has_room ? nullptr : &identity_.counters.refused_full;
}

// False when there is none.
bool StreamService::evict(std::uint32_t slot) {
  if (slot == SlotList::kNone) return false;
  identity_.counters.evicted.add();
  terminate(slot);
  return true;
}

void StreamService::admit(int descriptor, const io::Address& peer) {
  if (Counter* refused = refusal(peer.host)) {
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
  c.peer = peer;
  c.since = shard_.ring.now();
  io_.open(slot, connections_.generation(slot), descriptor);
  admission_.admitted(slot, peer.host);
  identity_.counters.accepted.add();
  identity_.counters.open.set(open());
  if (protocol_.handshaking(slot)) {
    handshakes_.await_hello(slot);
  } else {
    c.phase = Phase::serving;
  }
  timers_.arm(slot, deadline(c));
  keep_receiving(slot);
}

void StreamService::on_receive(const Tag& tag, const io::Completion& completion) {
  using Received = ConnectionIo::Received;
  assert(connections_.alive(tag.slot, tag.generation));
  Connection& c = connections_[tag.slot];
  const bool wanted = c.phase == Phase::handshaking || c.phase == Phase::serving;
  const Received received = io_.on_receive(tag.slot, completion, wanted);
  if (c.phase == Phase::terminating) return release_when_quiet(tag.slot);
  if (wanted && received == Received::bytes) admission_.heard(tag.slot);
  // Received bytes bring an acknowledgement with them, and so does an end.
  if (c.awaited != 0 && received != Received::reset) look(tag.slot);
  if (c.phase == Phase::lingering) return linger_on(tag.slot, received);
  if (!wanted) return received == Received::reset ? break_off(tag.slot) : void();
  switch (received) {
    case Received::bytes:
    case Received::nothing:
      break;
    case Received::end:
      c.peer_ended = true;
      break;
    case Received::starved:
      shard_.counters.tcp_buffers_empty.add();
      admission_.heard(tag.slot);  // there was something to receive, or there may have been
      io_.await_buffer(tag.slot);
      break;
    case Received::reset:
    case Received::failed:
      // What came before may say why.
      if (c.phase != Phase::handshaking || !c.hello_served || !io_.has_input(tag.slot)) {
        note_dropped(c);
        return received == Received::reset ? break_off(tag.slot) : terminate(tag.slot);
      }
      c.peer_ended = true;
      break;
  }
  if (io_.is_sending(tag.slot)) {
    io_.note_stall(tag.slot);
  } else {
    schedule(tag.slot);
  }
  if (connections_.alive(tag.slot, tag.generation)) keep_receiving(tag.slot);
}

// Lets the connection go on with what it has: at once, or when handshakes are served.
void StreamService::schedule(std::uint32_t slot) {
  const Connection& c = connections_[slot];
  if (!io_.has_input(slot) && !c.must_flush && !c.peer_ended) return;
  if (c.phase == Phase::serving) return work(slot);
  handshakes_.add(slot);
}

void StreamService::keep_receiving(std::uint32_t slot) {
  const Connection& c = connections_[slot];
  if (c.phase == Phase::closing || c.phase == Phase::terminating || c.peer_ended) return;
  io_.keep_receiving(slot);
}

void StreamService::tick(Millis now) {
  shard_.with_memory([&] { protocol_.tick(); });
  handshakes_.serve(now, [&](std::uint32_t slot) { return serve_handshake(slot); });
  timers_.advance(now, [&](std::uint32_t slot) { on_deadline(slot, now); });
  look_again(now);
  if (!admission_.draining()) evict(handshakes_.silent_to_evict(now));
  admission_.adjust_backlog(now, handshakes_.hellos_served());
  admission_.arm_listeners(now, handshakes_.has_room());
}

Millis StreamService::next_wake(Millis now) const {
  if (!handshakes_.idle()) return now;
  Millis wake =
      std::min({timers_.next_wake(), io_.retry_at(), admission_.next_wake(now, handshakes_.has_room())});
  if (!awaiting_.empty()) wake = std::min(wake, connections_[awaiting_.front()].look_at);
  return admission_.draining() ? wake : std::min(wake, handshakes_.eviction_due());
}

// Whether it went on.
bool StreamService::serve_handshake(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (!c.hello_served && c.peer_ended) {
    // The client has given up: nobody would see the signature.
    identity_.tls->handshake_timeouts.add();
    terminate(slot);
    return false;
  }
  c.hello_served = true;
  work(slot);
  return true;
}

// Gives the protocol what has come, and takes what it says. Ends with a send under
// way, or with nothing left to do.
void StreamService::work(std::uint32_t slot) {
  Connection& c = connections_[slot];
  assert(!io_.is_sending(slot) && (c.phase == Phase::handshaking || c.phase == Phase::serving));
  while (io_.has_input(slot) || c.must_flush) {
    // The front buffer has been given already when the protocol has not read all of it.
    Bytes input;
    if (protocol_.unread(slot) == 0 && io_.has_input(slot)) input = io_.input(slot);
    const MutableBytes room = io_.room(slot);
    c.must_flush = false;
    StreamProgress progress;
    // Without memory it is not known how much the protocol has read and written.
    if (!shard_.with_memory([&] { progress = protocol_.advance(slot, input, room); })) return terminate(slot);
    if (protocol_.unread(slot) == 0 && io_.has_input(slot)) io_.drop_input(slot);
    note_progress(slot, progress);
    if (io_.send(slot, progress.produced, progress.body)) return;
    io_.release_room(slot);
    if (progress.next != StreamNext::more_input) return leave(slot);
  }
  // A peer that ends its side without a close_notify gets none.
  if (c.peer_ended) {
    note_dropped(c);
    return leave(slot);
  }
  if (admission_.draining() && c.answered) return close_gracefully(slot);
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
    identity_.handshake_time->record_millis(now - c.since);
    c.since = now;
    admission_.handshake_done(slot);
  }
  if (progress.answered) {
    c.answered = true;
    admission_.answered(slot);
    restart_deadline(c);
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
  if (progress.next == StreamNext::finish) begin_closing(slot);
}

void StreamService::restart_deadline(Connection& c) {
  c.since = shard_.ring.now();
  c.taken = 0;
}

void StreamService::on_send(const Tag& tag, const io::Completion& completion) {
  assert(connections_.alive(tag.slot, tag.generation));
  Connection& c = connections_[tag.slot];
  const ConnectionIo::Sent sent = io_.on_send(tag.slot, completion);
  if (c.phase == Phase::terminating) return release_when_quiet(tag.slot);
  if (sent.failed) {
    note_dropped(c);
    return sent.reset ? break_off(tag.slot) : terminate(tag.slot);
  }
  c.taken += sent.bytes;
  if (c.taken >= kMinTaken && c.phase == Phase::serving) {
    restart_deadline(c);
    admission_.moved(tag.slot);
  }
  if (io_.left_to_send(tag.slot) > 0) return io_.send_rest(tag.slot);
  after_output(tag.slot);
}

void StreamService::after_output(std::uint32_t slot) {
  const Connection& c = connections_[slot];
  protocol_.taken(slot, io_.sent_at(slot));
  io_.release_room(slot);
  if (c.phase == Phase::closing) return leave(slot);
  if (admission_.draining() && c.answered && !io_.has_input(slot) && !c.must_flush)
    return close_gracefully(slot);
  std::uint32_t generation = connections_.generation(slot);
  schedule(slot);
  if (connections_.alive(slot, generation)) keep_receiving(slot);
}

// When received data finds no buffer, connections wait until some are given back;
// those that keep buffers because their own output does not move give way.
void StreamService::handle_starvation(Millis now) {
  while (evict(io_.stalled_for_long(now))) continue;
  io_.retry_starved(now, [&](std::uint32_t slot) { keep_receiving(slot); });
}

Millis StreamService::deadline(const Connection& c) const {
  if (c.phase == Phase::handshaking) return c.since + settings_.handshake_timeout;
  return c.since + (c.answered ? settings_.idle_timeout : settings_.request_timeout);
}

// Timers are not moved at each answer: a deadline that has moved on is found here.
void StreamService::on_deadline(std::uint32_t slot, Millis now) {
  const Connection& c = connections_[slot];
  if (c.phase == Phase::closing || c.phase == Phase::lingering) return terminate(slot);
  if (deadline(c) > now) return timers_.arm(slot, deadline(c));
  (c.phase == Phase::handshaking ? identity_.tls->handshake_timeouts : identity_.idle_timeouts).add();
  close_gracefully(slot);
}

// Closes the connection gracefully, on TLS with a close_notify, where that is possible at once.
void StreamService::close_gracefully(std::uint32_t slot) {
  if (io_.is_sending(slot) || connections_[slot].phase != Phase::serving) return terminate(slot);
  const std::size_t written = protocol_.write_close_notify(slot, io_.room(slot));
  if (written == 0) return leave(slot);
  begin_closing(slot);
  io_.send(slot, written, {});
}

// What is sent now is the last.
void StreamService::begin_closing(std::uint32_t slot) {
  connections_[slot].phase = Phase::closing;
  admission_.ending(slot);
  timers_.arm(slot, shard_.ring.now() + kClosingTimeout);
}

// Asks how much of the output the peer has acknowledged, and tells the protocol.
void StreamService::look(std::uint32_t slot) {
  Connection& c = connections_[slot];
  const std::uint64_t acknowledged = io_.acknowledged(slot);
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
  assert(!io_.is_sending(slot));
  // A peer that has ended its side sends nothing more, and has perhaps acknowledged all with its FIN.
  if (c.awaited != 0 && c.peer_ended) look(slot);
  if (c.awaited == 0) return terminate(slot);
  c.phase = Phase::lingering;
  admission_.lingers(slot);
  io_.finish(slot);
  timers_.arm(slot, shard_.ring.now() + kLingerTimeout);
  keep_receiving(slot);
}

// What a lingering peer sends is dropped; that it sends, or ends, says that it is there.
void StreamService::linger_on(std::uint32_t slot, ConnectionIo::Received received) {
  Connection& c = connections_[slot];
  if (received == ConnectionIo::Received::reset) return break_off(slot);
  if (c.awaited == 0 || received == ConnectionIo::Received::failed) return terminate(slot);
  if (received == ConnectionIo::Received::end) c.peer_ended = true;
  // Without a buffer it is not armed again: it is looked at in a while.
  if (received != ConnectionIo::Received::starved) keep_receiving(slot);
}

// The peer's host has reset the connection, as it does when a program closes one with bytes before it that it
// has not read: what was acknowledged is no evidence that anybody has seen it. Who has ended its side before
// is past that; the kernel tells of a reset then as EPIPE.
void StreamService::break_off(std::uint32_t slot) {
  connections_[slot].awaited = 0;
  awaiting_.remove(slot);
  terminate(slot);
}

void StreamService::terminate(std::uint32_t slot) {
  Connection& c = connections_[slot];
  if (c.phase == Phase::terminating) return;
  if (c.awaited != 0) look(slot);
  c.phase = Phase::terminating;
  ++terminating_;
  identity_.counters.open.set(open());
  admission_.removed(slot);
  handshakes_.remove(slot);
  awaiting_.remove(slot);
  timers_.cancel(slot);
  io_.shut_down(slot);
  release_when_quiet(slot);
}

void StreamService::release_when_quiet(std::uint32_t slot) {
  if (io_.is_in_flight(slot)) return;
  protocol_.reset(slot);
  io_.close(slot);
  connections_[slot] = {};
  --terminating_;
  connections_.release(slot);
}

void StreamService::drain() {
  if (admission_.draining()) return;
  admission_.drain();
  Millis now = shard_.ring.now();
  for (std::uint32_t slot = 0; slot < connections_.capacity(); ++slot) {
    if (!connections_.in_use(slot)) continue;
    const Connection& c = connections_[slot];
    if (io_.is_sending(slot) || io_.has_input(slot)) continue;
    bool silent = now - c.since >= kDrainGrace;
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
