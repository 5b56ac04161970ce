// How long things took, for histograms of a shard: written by it alone and read by anybody, as its counters
// are. The memory is fixed, and recording is a few loads and stores.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/service/counter.h"
#include "anchord/service/metrics.def"

namespace anchord::service {

// The upper ends of the buckets, in microseconds; one more bucket is for what took longer.
inline constexpr std::array<std::uint64_t, 18> kLatencyBounds{
    50,     100,     250,     500,     1'000,     2'500,     5'000,      10'000,     25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000, 30'000'000, 60'000'000};

struct LatencyValues {
  std::array<std::uint64_t, kLatencyBounds.size() + 1> counts{};
  std::uint64_t sum = 0;  // microseconds
};

class LatencyHistogram {
 public:
  // `times` of them took so long.
  void record(std::uint64_t micros, std::uint64_t times = 1) {
    const auto* bound = std::ranges::lower_bound(kLatencyBounds, micros);
    counts_[static_cast<std::size_t>(bound - kLatencyBounds.begin())].add(times);
    sum_.add(micros * times);
  }
  void record_millis(Millis millis) { record(millis * 1000); }

  void add_to(LatencyValues& values) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) values.counts[i] += counts_[i].get();
    values.sum += sum_.get();
  }

 private:
  std::array<Counter, kLatencyBounds.size() + 1> counts_;
  Counter sum_;
};

// What is known of each without its values.
struct Latency {
  std::string_view name;      // "tls_handshake"
  std::string_view protocol;  // "tvs"
  std::string_view help;
};
#define ANCHORD_LATENCY(NAME, PROTOCOL, HELP, ADVICE) Latency{#NAME, #PROTOCOL, HELP},
inline constexpr std::array kLatencies{ANCHORD_LATENCIES(ANCHORD_LATENCY)};
#undef ANCHORD_LATENCY

// Of each of kLatencies, in their order.
using AllLatencyValues = std::array<LatencyValues, kLatencies.size()>;

// A shard's: `tls_handshake_tvs`.
struct Latencies {
#define ANCHORD_LATENCY(NAME, PROTOCOL, ...) LatencyHistogram NAME##_##PROTOCOL;
  ANCHORD_LATENCIES(ANCHORD_LATENCY)
#undef ANCHORD_LATENCY

  void add_to(AllLatencyValues& sum) const {
    std::size_t at = 0;
#define ANCHORD_LATENCY(NAME, PROTOCOL, ...) NAME##_##PROTOCOL.add_to(sum[at++]);
    ANCHORD_LATENCIES(ANCHORD_LATENCY)
#undef ANCHORD_LATENCY
  }
};

}  // namespace anchord::service
