#include "removals.h"

#include <algorithm>

namespace anchord::control {

void Removals::missing(const std::string& name, Millis now) {
  if (waiting_.empty()) since_ = now;
  waiting_.insert(name);
}

// Files that go one after the other are as many as those that go at once.
bool Removals::are_many(std::size_t served) const {
  std::size_t lately = 0;
  for (const auto& [when, count] : done_) lately += count;
  const std::size_t gone = waiting_.size() + lately;
  return gone > kMoreThan && gone * kOneOf > served + lately;
}

std::set<std::string> Removals::due(std::size_t served, Millis now) {
  while (!done_.empty() && now - done_.front().first >= hold_) done_.pop_front();
  const bool confirmed = std::exchange(confirmed_, false);
  if (waiting_.empty()) {
    held_until_ = kNever;
    return {};
  }
  if (hold_ > 0 && !confirmed) {
    if (now - since_ < kGather) return {};
    if (!are_many(served)) {
      held_until_ = kNever;  // most are back
    } else {
      if (held_until_ == kNever) held_until_ = now + hold_;
      if (now < held_until_) return {};
    }
  }
  // What was held is known of: it does not count against those to come.
  if (held_until_ != kNever || confirmed) {
    done_.clear();
  } else if (hold_ > 0) {
    done_.emplace_back(now, waiting_.size());
  }
  held_until_ = kNever;
  return std::exchange(waiting_, {});
}

Millis Removals::next_look() const {
  if (waiting_.empty()) return kNever;
  return held_until_ != kNever ? held_until_ : since_ + (hold_ > 0 ? kGather : 0);
}

}  // namespace anchord::control
