#include "stream/connection_io.h"

#include <algorithm>
#include <cerrno>
#include <span>

namespace anchord::service {

ConnectionIo::ConnectionIo(ShardContext& shard, TcpBuffers& buffers, const StreamIdentity& identity,
                           std::uint32_t slots, std::size_t room)
    : shard_(shard),
      buffers_(buffers),
      receive_(identity.receive),
      send_(identity.send),
      links_(std::make_unique<Link[]>(slots)),
      outputs_(slots, room),
      starved_(slots),
      stalled_(slots) {}

void ConnectionIo::open(std::uint32_t slot, std::uint32_t generation, int descriptor) {
  links_[slot].generation = generation;
  links_[slot].descriptor = descriptor;
}

ConnectionIo::Received ConnectionIo::on_receive(std::uint32_t slot, const io::Completion& completion,
                                                bool wanted) {
  Link& link = links_[slot];
  if (!completion.more) link.receiving = link.cancelling = false;
  if (completion.has_buffer) {
    if (wanted && completion.result > 0) {
      buffers_.held.push(link.held, completion.buffer, static_cast<std::uint32_t>(completion.result));
    } else {
      shard_.ring.recycle(io::Group::tcp, completion.buffer);
      buffers_.freed = true;
    }
  }
  if (completion.result > 0) return Received::bytes;
  switch (completion.result) {
    case 0:
      return Received::end;
    case -ENOBUFS:
      return Received::starved;
    case -ECANCELED:
    case -EINTR:
    case -EAGAIN:
      return Received::nothing;
    case -ECONNRESET:
      return Received::reset;
    default:
      return Received::failed;
  }
}

void ConnectionIo::await_buffer(std::uint32_t slot) {
  if (!starved_.contains(slot)) starved_.push_back(slot);
  if (starved_retry_ == kNever) starved_retry_ = shard_.ring.now() + kStarvedRetry;
}

void ConnectionIo::keep_receiving(std::uint32_t slot) {
  Link& link = links_[slot];
  if (link.held.count >= kMaxHeld) {
    if (link.receiving && !link.cancelling) {
      shard_.ring.cancel(tag(receive_, slot));
      link.cancelling = true;
    }
  } else if (!link.receiving && !starved_.contains(slot)) {
    shard_.ring.receive(link.descriptor, tag(receive_, slot));
    link.receiving = true;
  }
}

void ConnectionIo::recycle_front(Link& link) {
  shard_.ring.recycle(io::Group::tcp, buffers_.held.front(link.held));
  buffers_.held.pop(link.held);
  buffers_.freed = true;
}

void ConnectionIo::drop_input(std::uint32_t slot) {
  recycle_front(links_[slot]);
}

bool ConnectionIo::send(std::uint32_t slot, std::size_t written, const std::array<Bytes, 2>& body) {
  Link& link = links_[slot];
  link.output_size = static_cast<std::uint32_t>(written);
  link.body = body;
  link.sent = 0;
  if (left_to_send(slot) == 0) return false;
  send_rest(slot);
  return true;
}

void ConnectionIo::send_rest(std::uint32_t slot) {
  Link& link = links_[slot];
  std::array<Bytes, io::IovecList::kMaxParts> pieces{outputs_[link.output].first(link.output_size),
                                                     link.body[0], link.body[1]};
  std::size_t skip = link.sent;
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
    shard_.ring.send(link.descriptor, pieces[0], tag(send_, slot));
  } else {
    link.iovecs.set(std::span(pieces).first(count));
    shard_.ring.send_iovecs(link.descriptor, link.iovecs, tag(send_, slot));
  }
  link.sending = true;
  link.sent_at = shard_.ring.now();
  note_stall(slot);
}

void ConnectionIo::note_stall(std::uint32_t slot) {
  Link& link = links_[slot];
  if (!link.sending || link.held.empty() || stalled_.contains(slot)) return;
  link.stalled_since = shard_.ring.now();
  stalled_.push_back(slot);
}

ConnectionIo::Sent ConnectionIo::on_send(std::uint32_t slot, const io::Completion& completion) {
  Link& link = links_[slot];
  link.sending = false;
  if (completion.result > 0) {
    const auto bytes = static_cast<std::uint32_t>(completion.result);
    link.output_taken += bytes;
    link.sent += bytes;
    return {.bytes = bytes};
  }
  const bool is_passing =
      completion.result == -EINTR || completion.result == -EAGAIN || completion.result == -ENOBUFS;
  return {.failed = !is_passing, .reset = completion.result == -ECONNRESET};
}

void ConnectionIo::release_room(std::uint32_t slot) {
  Link& link = links_[slot];
  stalled_.remove(slot);
  if (link.output != BufferPool::kNone) outputs_.release(link.output);
  link.output = BufferPool::kNone;
}

std::uint64_t ConnectionIo::acknowledged(std::uint32_t slot) const {
  const Link& link = links_[slot];
  std::uint64_t left = shard_.ring.unacknowledged(link.descriptor);
  // The end of our side comes behind all bytes.
  if (link.finished && left > 0) --left;
  // What a send that is in flight has brought to the socket is not in what it has taken.
  return link.output_taken - std::min(left, link.output_taken);
}

// Gives back what was received, and waits for no more of it.
void ConnectionIo::let_go(std::uint32_t slot) {
  starved_.remove(slot);
  stalled_.remove(slot);
  while (!links_[slot].held.empty()) recycle_front(links_[slot]);
}

void ConnectionIo::finish(std::uint32_t slot) {
  assert(!links_[slot].sending);
  let_go(slot);
  release_room(slot);
  shard_.ring.finish(links_[slot].descriptor);
  links_[slot].finished = true;
}

void ConnectionIo::shut_down(std::uint32_t slot) {
  let_go(slot);
  if (is_in_flight(slot)) shard_.ring.shutdown(links_[slot].descriptor);
}

void ConnectionIo::close(std::uint32_t slot) {
  assert(!is_in_flight(slot));
  Link& link = links_[slot];
  release_room(slot);
  shard_.ring.close(link.descriptor);
  link.held = {};
  link.body = {};
  link.sent = 0;
  link.output_taken = 0;
  link.descriptor = -1;
  link.cancelling = link.finished = false;
}

}  // namespace anchord::service
