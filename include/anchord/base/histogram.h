// How often each value occurred, for percentiles: log-linear buckets, as HdrHistogram
// has them.
//
// Any 64-bit value is taken; the unit is the caller's. A bucket is at most 1/128 of
// its values wide, and percentiles are given as a bucket's largest value: never too
// small, and less than 0.8 % too large. Values below 256, and the largest, are exact.
// The memory is fixed (58 KiB), and adding a value allocates nothing. One thread
// uses one; merge() brings those of several together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace anchord {

class Histogram {
 public:
  Histogram() : buckets_(std::make_unique<Buckets>()) {}

  void record(std::uint64_t value);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const;  // 0 when there is none
  // The smallest value that `percent` (0 to 100) of all values do not exceed; 0 when
  // there is none.
  std::uint64_t percentile(double percent) const;

 private:
  static constexpr unsigned kBits = 7;  // a power of two is divided into 2^kBits buckets
  static constexpr std::size_t kCount = ((64 - kBits - 1) << kBits) + (std::size_t{2} << kBits);
  using Buckets = std::array<std::uint64_t, kCount>;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t largest_in(std::size_t bucket);

  std::unique_ptr<Buckets> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace anchord
