#include "anchord/base/timer_wheel.h"

#include <bit>
#include <cassert>

namespace anchord {

TimerWheel::TimerWheel(std::uint32_t ids, Millis now)
    : nodes_(ids), heads_(kBuckets + 1, kNone), occupied_(kBuckets / 64, 0), reached_(now / kGranularity) {}

void TimerWheel::arm(std::uint32_t id, Millis deadline) {
  assert(deadline != kNever);
  cancel(id);
  nodes_[id].deadline = deadline;
  // Rounded up, so that nothing fires early; never behind the wheel's hand.
  std::uint64_t position = (deadline + kGranularity - 1) / kGranularity;
  if (position < reached_) position = reached_;
  link(id, static_cast<std::uint32_t>(position % kBuckets));
}

void TimerWheel::cancel(std::uint32_t id) {
  if (nodes_[id].list != kNone) unlink(id);
  nodes_[id].deadline = kNever;
}

Millis TimerWheel::next_wake() const {
  for (std::uint32_t step = 0; step < kBuckets;) {
    std::uint32_t bucket = (reached_ + step) % kBuckets;
    std::uint64_t word = occupied_[bucket / 64] >> (bucket % 64);
    if (word != 0) {
      step += static_cast<std::uint32_t>(std::countr_zero(word));
      return step < kBuckets ? (reached_ + step) * kGranularity : kNever;
    }
    step += 64 - bucket % 64;
  }
  return kNever;
}

void TimerWheel::link(std::uint32_t id, std::uint32_t list) {
  Node& node = nodes_[id];
  node.list = list;
  node.previous = kNone;
  node.next = heads_[list];
  if (node.next != kNone) nodes_[node.next].previous = id;
  heads_[list] = id;
  if (list < kBuckets) occupied_[list / 64] |= std::uint64_t{1} << (list % 64);
}

void TimerWheel::unlink(std::uint32_t id) {
  Node& node = nodes_[id];
  if (node.previous != kNone) {
    nodes_[node.previous].next = node.next;
  } else {
    heads_[node.list] = node.next;
    if (node.next == kNone && node.list < kBuckets)
      occupied_[node.list / 64] &= ~(std::uint64_t{1} << (node.list % 64));
  }
  if (node.next != kNone) nodes_[node.next].previous = node.previous;
  node.list = kNone;
}

// Moves a bucket's list aside, so that what is armed while it fires is not
// visited in the same round.
void TimerWheel::detach(std::uint32_t bucket) {
  assert(heads_[kBuckets] == kNone);
  heads_[kBuckets] = heads_[bucket];
  heads_[bucket] = kNone;
  occupied_[bucket / 64] &= ~(std::uint64_t{1} << (bucket % 64));
  for (std::uint32_t id = heads_[kBuckets]; id != kNone; id = nodes_[id].next) nodes_[id].list = kBuckets;
}

std::uint32_t TimerWheel::pop_due() {
  std::uint32_t id = heads_[kBuckets];
  if (id != kNone) unlink(id);
  return id;
}

}  // namespace anchord
