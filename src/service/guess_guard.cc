#include "guess_guard.h"

namespace anchord::service {

GuessGuard::GuessGuard(unsigned max_strangers, std::uint64_t seed)
    : max_strangers_(max_strangers),
      seed_(seed),
      by_address_(max_strangers == 0 ? 1 : kMaxSources, seed),
      by_time_(max_strangers == 0 ? 1 : kMaxSources) {
  if (max_strangers_ > 0) sources_.reserve(kMaxSources);
}

GuessGuard::Verdict GuessGuard::judge(const io::Host& from, std::string_view device, bool exists,
                                      Millis now) {
  if (max_strangers_ == 0) return Verdict::answer;
  io::Address key = source_of(from);
  std::uint32_t slot = by_address_.find(key);
  if (slot == PeerMap::kNone) {
    if (exists) return Verdict::answer;
    slot = remember(key);
  }
  Source& source = sources_[slot];
  if (now - source.last_stranger > kMemory) source = {.key = key};
  bool was_caught = source.caught;
  if (!exists) {
    source.last_stranger = now;
    by_time_.move_to_back(slot);
    std::uint64_t bit = PeerMap::hash_text(device, seed_) % kBits;
    std::uint64_t& word = source.seen[bit / 64];
    std::uint64_t mask = std::uint64_t{1} << bit % 64;
    if ((word & mask) == 0) ++source.bits;
    word |= mask;
    source.caught = source.caught || source.bits > max_strangers_;
  }
  if (!source.caught) return Verdict::answer;
  if (!was_caught) {
    source.answer_again = now + kPause;
    return Verdict::caught;
  }
  if (now < source.answer_again) return Verdict::slow_down;
  source.answer_again = now + kPause;
  return Verdict::answer;
}

std::uint32_t GuessGuard::remember(const io::Address& key) {
  std::uint32_t slot = 0;
  if (sources_.size() < kMaxSources) {
    slot = static_cast<std::uint32_t>(sources_.size());
    sources_.emplace_back();
  } else {
    slot = by_time_.front();
    by_time_.remove(slot);
    by_address_.erase(sources_[slot].key);
  }
  sources_[slot] = {.key = key};
  by_address_.set(key, slot);
  by_time_.push_back(slot);
  return slot;
}

}  // namespace anchord::service
