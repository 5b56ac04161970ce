#include "anchord/base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace anchord {

// The kBits + 1 leading bits of a value choose its bucket. The first of them is always
// set in a value that is longer, so that the buckets of each length follow those of
// the one below.
std::size_t Histogram::bucket_of(std::uint64_t value) {
  const auto length = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = length > kBits + 1 ? length - kBits - 1 : 0;
  return (std::size_t{shift} << kBits) + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::largest_in(std::size_t bucket) {
  if (bucket < (std::size_t{2} << kBits)) return bucket;
  const std::size_t shift = (bucket >> kBits) - 1;
  const std::uint64_t leading = bucket - (shift << kBits);
  return (leading << shift) | ((std::uint64_t{1} << shift) - 1);
}

void Histogram::record(std::uint64_t value) {
  ++(*buckets_)[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kCount; ++i) (*buckets_)[i] += (*other.buckets_)[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t Histogram::percentile(double percent) const {
  if (count_ == 0) return 0;
  const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(count_);
  // 99.9 % of 1000 is a little more than 999 in binary fractions.
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * (1 - 1e-12))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    seen += (*buckets_)[i];
    if (seen >= rank) return std::min(largest_in(i), max_);
  }
  return max_;
}

}  // namespace anchord
