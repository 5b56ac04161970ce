#include "limits/token_buckets.h"

#include <algorithm>

namespace anchord::service {

TokenBuckets::TokenBuckets(const TokenBucketSettings& settings, std::uint64_t seed)
    : most_(settings.burst * kToken),
      per_millisecond_(settings.per_second),
      by_source_(kMaxSources, seed),
      by_use_(kMaxSources) {
  buckets_.reserve(kMaxSources);
}

bool TokenBuckets::take(const io::Address& source, Millis now, bool of_plenty) {
  std::uint32_t slot = by_source_.find(source);
  if (slot == PeerMap::kNone) slot = remember(source, now);
  by_use_.move_to_back(slot);
  Bucket& bucket = buckets_[slot];
  // A long pause fills it, whatever its length.
  std::uint64_t added = std::min<Millis>(now - bucket.filled, most_) * per_millisecond_;
  bucket.tokens = std::min(most_, bucket.tokens + added);
  bucket.filled = now;
  if (bucket.tokens < kToken + (of_plenty ? most_ / 2 : 0)) return false;
  bucket.tokens -= kToken;
  return true;
}

void TokenBuckets::give_back(const io::Address& source) {
  std::uint32_t slot = by_source_.find(source);
  if (slot == PeerMap::kNone) return;
  Bucket& bucket = buckets_[slot];
  bucket.tokens = std::min(most_, bucket.tokens + kToken);
}

std::uint32_t TokenBuckets::remember(const io::Address& source, Millis now) {
  std::uint32_t slot = 0;
  if (buckets_.size() < kMaxSources) {
    slot = static_cast<std::uint32_t>(buckets_.size());
    buckets_.emplace_back();
  } else {
    slot = by_use_.front();
    by_use_.remove(slot);
    by_source_.erase(buckets_[slot].source);
  }
  buckets_[slot] = {.source = source, .tokens = most_, .filled = now};
  by_source_.set(source, slot);
  by_use_.push_back(slot);
  return slot;
}

}  // namespace anchord::service
