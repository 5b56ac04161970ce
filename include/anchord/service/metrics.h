// What is known of each metric without its value: see metrics.def, the table that all of it is made from.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "anchord/service/metrics.def"

namespace anchord::service {

enum class MetricType : std::uint8_t { counter, gauge };
enum class MetricUnit : std::uint8_t { count, bytes };

struct Metric {
  std::string_view name;      // its member in Counters, and its field in the status
  std::string_view family;    // what it shares with the same metric of other services; else its name
  std::string_view protocol;  // which of the family it is: "tvs", "http" or "https"; empty: there is one only
  MetricType type;
  MetricUnit unit;
  std::string_view help;  // what is counted
};

#define ANCHORD_METRIC(FAMILY, P, NAME, TYPE, UNIT, HELP) \
  Metric{#P "_" #NAME, FAMILY "_" #NAME, #P, MetricType::TYPE, MetricUnit::UNIT, HELP},
#define ANCHORD_STREAM_METRIC(P, NAME, TYPE, UNIT, HELP, ADVICE) \
  ANCHORD_METRIC("stream", P, NAME, TYPE, UNIT, HELP)
#define ANCHORD_TLS_METRIC(P, NAME, TYPE, UNIT, HELP, ADVICE) ANCHORD_METRIC("tls", P, NAME, TYPE, UNIT, HELP)
#define ANCHORD_HTTP_METRIC(P, NAME, TYPE, UNIT, HELP, ADVICE) \
  ANCHORD_METRIC("http", P, NAME, TYPE, UNIT, HELP)
#define ANCHORD_SINGLE_METRIC(NAME, TYPE, UNIT, HELP, ADVICE) \
  Metric{#NAME, #NAME, "", MetricType::TYPE, MetricUnit::UNIT, HELP},

inline constexpr std::array kMetrics{
    ANCHORD_METRICS(ANCHORD_STREAM_METRIC, ANCHORD_TLS_METRIC, ANCHORD_HTTP_METRIC, ANCHORD_SINGLE_METRIC)};

#undef ANCHORD_METRIC
#undef ANCHORD_STREAM_METRIC
#undef ANCHORD_TLS_METRIC
#undef ANCHORD_HTTP_METRIC
#undef ANCHORD_SINGLE_METRIC

// A value for each of kMetrics, in their order.
using MetricValues = std::array<std::uint64_t, kMetrics.size()>;

}  // namespace anchord::service
