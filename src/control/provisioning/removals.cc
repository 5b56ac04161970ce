#include "provisioning/removals.h"

#include <algorithm>

namespace anchord::control {

void Removals::missing(const std::string& name, Millis now) {
  if (waiting_.emplace(name, now).second) last_ = now;
}

std::size_t Removals::lately() const {
  std::size_t count = 0;
  for (const auto& [when, files] : done_) count += files;
  return count;
}

// Files that go one after the other are as many as those that go at once.
bool Removals::are_many(std::size_t served) const {
  const std::size_t before = lately();
  const std::size_t gone = waiting_.size() + before;
  return gone > kMoreThan && gone * kOneOf > served + before;
}

Millis Removals::settled_at() const {
  const auto others = static_cast<Millis>(std::max<std::size_t>(waiting_.size() + lately(), 1) - 1);
  const Millis quiet = std::min(kSettle + std::min(others, kSettleMost) * kSettleForEach, kSettleMost);
  return last_ + std::min(quiet, hold_);
}

Millis Removals::held_until() const {
  return held_since_ == kNever ? kNever : std::min(last_ + hold_, held_since_ + kHeldMost * hold_);
}

std::set<std::string> Removals::take_all(Millis now) {
  std::set<std::string> out;
  for (const auto& [name, since] : waiting_) out.insert(name);
  if (held_since_ == kNever && hold_ > 0) done_.emplace_back(now, waiting_.size());
  held_since_ = kNever;
  waiting_.clear();
  return out;
}

std::set<std::string> Removals::take_old(Millis now) {
  std::set<std::string> out;
  for (const auto& [name, since] : waiting_)
    if (now - since >= kLately * hold_) out.insert(name);
  if (!out.empty()) done_.emplace_back(now, out.size());
  for (const std::string& name : out) waiting_.erase(name);
  return out;
}

// What may fail comes first: where there is no memory all of them wait still.
std::set<std::string> Removals::due(std::size_t served, Millis now) {
  std::set<std::string> out = take_due(served, now);
  confirmed_ = false;
  return out;
}

std::set<std::string> Removals::take_due(std::size_t served, Millis now) {
  while (!done_.empty() && now - done_.front().first >= kLately * hold_) done_.pop_front();
  if (waiting_.empty()) {
    held_since_ = kNever;
    return {};
  }
  if (hold_ == 0) return take_all(now);
  const bool many = are_many(served);
  if (!many) {
    held_since_ = kNever;  // most are back
  } else if (held_since_ == kNever) {
    held_since_ = now;
  }
  if (confirmed_ || (many && now >= held_until())) {
    // What was held is known of: it does not count against those to come.
    auto out = take_all(now);
    done_.clear();
    return out;
  }
  if (many) return {};
  return now >= settled_at() ? take_all(now) : take_old(now);
}

Millis Removals::next_look(Millis now) const {
  if (waiting_.empty()) return kNever;
  if (held_since_ != kNever) return is_settled(now) ? held_until() : std::min(last_ + kSettle, held_until());
  Millis first = kNever;
  for (const auto& [name, since] : waiting_) first = std::min(first, since);
  return std::min(settled_at(), first + kLately * hold_);
}

}  // namespace anchord::control
