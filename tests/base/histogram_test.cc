#include "anchord/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace anchord {
namespace {

TEST(Histogram, EmptyHasNothing) {
  Histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.max(), 0u);
  EXPECT_EQ(h.mean(), 0);
  EXPECT_EQ(h.percentile(50), 0u);
  EXPECT_EQ(h.percentile(100), 0u);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (std::uint64_t v = 0; v < 256; ++v) h.record(v);
  for (std::uint64_t v = 0; v < 256; ++v)
    EXPECT_EQ(h.percentile(100.0 * static_cast<double>(v + 1) / 256), v) << v;
  EXPECT_EQ(h.percentile(0), 0u);
  EXPECT_DOUBLE_EQ(h.mean(), 127.5);
}

TEST(Histogram, PercentilesMeanTheSmallestValueThatSoManyDoNotExceed) {
  Histogram h;
  for (std::uint64_t v = 1; v <= 100; ++v) h.record(v);
  EXPECT_EQ(h.percentile(50), 50u);
  EXPECT_EQ(h.percentile(90), 90u);
  EXPECT_EQ(h.percentile(99), 99u);
  EXPECT_EQ(h.percentile(99.9), 100u);
  EXPECT_EQ(h.percentile(0.5), 1u);
}

TEST(Histogram, ARareLargeValueShowsOnlyWhereItBelongs) {
  Histogram h;
  for (int i = 0; i < 999; ++i) h.record(10);
  h.record(1'000'000);
  EXPECT_EQ(h.percentile(99), 10u);
  EXPECT_EQ(h.percentile(99.9), 10u);
  EXPECT_EQ(h.percentile(99.95), 1'000'000u);
  EXPECT_EQ(h.max(), 1'000'000u);
}

// Around every power of two, where buckets change their width.
TEST(Histogram, NoValueIsUnderestimatedOrOnePercentOff) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t value : {power - 1, power, power + 1, power + power / 3, power + power / 2}) {
      Histogram h;
      h.record(value);
      h.record(std::numeric_limits<std::uint64_t>::max());  // or the maximum would be the answer
      const std::uint64_t told = h.percentile(50);
      EXPECT_GE(told, value);
      EXPECT_LE(static_cast<double>(told - value), static_cast<double>(value) * 0.01) << value;
    }
  }
}

TEST(Histogram, TheLargestValueIsExactAndNothingExceedsIt) {
  Histogram h;
  h.record(1'000'003);
  EXPECT_EQ(h.max(), 1'000'003u);
  EXPECT_EQ(h.percentile(50), 1'000'003u);
  h.record(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(h.percentile(100), std::numeric_limits<std::uint64_t>::max());
}

TEST(Histogram, AgreesWithSortedValues) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> values;
  Histogram h;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random() >> (random() % 60));
    h.record(values.back());
  }
  std::ranges::sort(values);
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 20'000 - 1e-6));
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_GE(static_cast<double>(h.percentile(percent)), exact);
    EXPECT_LE(static_cast<double>(h.percentile(percent)), exact * 1.01);
  }
}

TEST(Histogram, MergedIsTheSameAsRecordedTogether) {
  std::mt19937_64 random(8);
  Histogram one;
  Histogram other;
  Histogram both;
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t value = random() >> (random() % 64);
    (i % 3 == 0 ? one : other).record(value);
    both.record(value);
  }
  one.merge(other);
  one.merge(Histogram());
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max(), both.max());
  EXPECT_NEAR(one.mean(), both.mean(), both.mean() * 1e-9);
  for (double percent = 0; percent <= 100; percent += 0.5)
    EXPECT_EQ(one.percentile(percent), both.percentile(percent)) << percent;
}

}  // namespace
}  // namespace anchord
