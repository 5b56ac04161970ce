// Histograms of how long things took: where each value goes, and what their sum is.
#include "anchord/service/latency.h"

#include <gtest/gtest.h>

#include <numeric>

#include "anchord/service/counters.h"

namespace anchord::service::test {
namespace {

TEST(Latency, PutsEachValueInTheBucketThatEndsNoEarlier) {
  for (std::size_t i = 0; i < kLatencyBounds.size(); ++i) {
    LatencyHistogram histogram;
    histogram.record(kLatencyBounds[i]);
    histogram.record(kLatencyBounds[i] + 1);
    LatencyValues values;
    histogram.add_to(values);
    EXPECT_EQ(values.counts[i], 1u) << kLatencyBounds[i];
    EXPECT_EQ(values.counts[i + 1], 1u) << kLatencyBounds[i];
    EXPECT_EQ(values.sum, 2 * kLatencyBounds[i] + 1);
  }
}

TEST(Latency, CountsManyOfOneTime) {
  LatencyHistogram histogram;
  histogram.record(75, 40);
  histogram.record_millis(0);
  histogram.record_millis(3);
  LatencyValues values;
  histogram.add_to(values);
  histogram.add_to(values);  // of another shard
  EXPECT_EQ(values.counts[0], 2u);
  EXPECT_EQ(values.counts[1], 80u);
  EXPECT_EQ(values.counts[5], 0u);
  EXPECT_EQ(values.counts[6], 2u) << "up to 5 ms";
  EXPECT_EQ(std::accumulate(values.counts.begin(), values.counts.end(), 0u), 84u);
  EXPECT_EQ(values.sum, 2 * (75 * 40 + 3000));
}

TEST(Latency, OfEachProtocolIsInItsPlace) {
  Counters counters;
  counters.latencies.http_answer_https.record(1);
  AllLatencyValues all{};
  counters.latencies.add_to(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool is_it = kLatencies[i].name == "http_answer" && kLatencies[i].protocol == "https";
    EXPECT_EQ(all[i].sum, is_it ? 1u : 0u) << kLatencies[i].name;
  }
}

}  // namespace
}  // namespace anchord::service::test
