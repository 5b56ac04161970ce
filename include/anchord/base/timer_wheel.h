// One deadline for each of a fixed number of ids, in milliseconds.
//
// A hashed wheel: a deadline lies in the bucket of its time, and one that is
// more than a revolution away is passed over until its time comes. Arming, moving and
// cancelling cost a few stores and no allocation. A deadline fires at or after
// its time, at most one bucket (kGranularity) late plus the caller's delay.
#pragma once

#include <cstdint>
#include <vector>

#include "anchord/base/clock.h"

namespace anchord {

class TimerWheel {
 public:
  static constexpr Millis kGranularity = 8;
  static constexpr std::uint32_t kBuckets = 1024;

  TimerWheel(std::uint32_t ids, Millis now);

  void arm(std::uint32_t id, Millis deadline);  // replaces the id's earlier deadline
  void cancel(std::uint32_t id);
  bool armed(std::uint32_t id) const { return nodes_[id].deadline != kNever; }

  // Calls `fire(id)` for everything due. An id is disarmed before its call, and
  // the call may arm and cancel any id.
  template <class Fire>
  void advance(Millis now, Fire&& fire) {
    std::uint64_t target = now / kGranularity;
    if (target < reached_) return;
    // After a pause longer than a revolution each bucket still needs one visit only.
    if (target - reached_ >= kBuckets) reached_ = target - kBuckets + 1;
    while (reached_ <= target) {
      // The hand moves first: what is armed while firing lands ahead of it.
      detach(static_cast<std::uint32_t>(reached_++ % kBuckets));
      for (std::uint32_t id = pop_due(); id != kNone; id = pop_due()) {
        if (nodes_[id].deadline > now) {
          arm(id, nodes_[id].deadline);
        } else {
          nodes_[id].deadline = kNever;
          fire(id);
        }
      }
    }
  }

  // When advance() should be called next: kNever with nothing armed, else a time
  // no later than the earliest deadline's bucket.
  Millis next_wake() const;

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};  // ends a list
  struct Node {
    Millis deadline = kNever;
    std::uint32_t previous = kNone;  // an id, or kNone at a list's head
    std::uint32_t next = kNone;
    std::uint32_t list = kNone;  // bucket, or kBuckets for the list being fired
  };

  void link(std::uint32_t id, std::uint32_t list);
  void unlink(std::uint32_t id);
  void detach(std::uint32_t bucket);
  std::uint32_t pop_due();

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> heads_;     // one per bucket, then the one being fired
  std::vector<std::uint64_t> occupied_;  // a bit per bucket
  std::uint64_t reached_;                // all buckets before this have been visited
};

}  // namespace anchord
