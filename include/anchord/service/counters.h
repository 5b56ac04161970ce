// What a shard has done since it started: the values of the metrics in metrics.def.
//
// Each counter is written by its shard alone and read by anybody.
#pragma once

#include <cstddef>

#include "anchord/service/counter.h"
#include "anchord/service/latency.h"
#include "anchord/service/metrics.h"

namespace anchord::service {

// The counters of a family that belong to one service: `accepted` is its tvs_accepted, http_accepted or
// https_accepted.
#define ANCHORD_COUNTER_REFERENCE(P, NAME, ...) Counter & NAME;
struct StreamCounters {
  ANCHORD_STREAM_METRICS(ANCHORD_COUNTER_REFERENCE, )
};
struct TlsCounters {
  ANCHORD_TLS_METRICS(ANCHORD_COUNTER_REFERENCE, )
};
struct HttpCounters {
  ANCHORD_HTTP_METRICS(ANCHORD_COUNTER_REFERENCE, )
};
#undef ANCHORD_COUNTER_REFERENCE

struct Counters {
#define ANCHORD_COUNTER_OF_SERVICE(P, NAME, ...) Counter P##_##NAME;
#define ANCHORD_COUNTER(NAME, ...) Counter NAME;
  ANCHORD_METRICS(ANCHORD_COUNTER_OF_SERVICE, ANCHORD_COUNTER_OF_SERVICE, ANCHORD_COUNTER_OF_SERVICE,
                  ANCHORD_COUNTER)
#undef ANCHORD_COUNTER_OF_SERVICE
#undef ANCHORD_COUNTER

#define ANCHORD_COUNTER_OF_SERVICE(P, NAME, ...) P##_##NAME,
  StreamCounters tvs_stream() { return {ANCHORD_STREAM_METRICS(ANCHORD_COUNTER_OF_SERVICE, tvs)}; }
  StreamCounters http_stream() { return {ANCHORD_STREAM_METRICS(ANCHORD_COUNTER_OF_SERVICE, http)}; }
  StreamCounters https_stream() { return {ANCHORD_STREAM_METRICS(ANCHORD_COUNTER_OF_SERVICE, https)}; }
  TlsCounters tvs_tls() { return {ANCHORD_TLS_METRICS(ANCHORD_COUNTER_OF_SERVICE, tvs)}; }
  TlsCounters https_tls() { return {ANCHORD_TLS_METRICS(ANCHORD_COUNTER_OF_SERVICE, https)}; }
  HttpCounters http() { return {ANCHORD_HTTP_METRICS(ANCHORD_COUNTER_OF_SERVICE, http)}; }
  HttpCounters https() { return {ANCHORD_HTTP_METRICS(ANCHORD_COUNTER_OF_SERVICE, https)}; }
#undef ANCHORD_COUNTER_OF_SERVICE

  Latencies latencies;

  // Adds each value to its place in `sum`.
  void add_to(MetricValues& sum) const {
    std::size_t at = 0;
#define ANCHORD_ADD_OF_SERVICE(P, NAME, ...) sum[at++] += P##_##NAME.get();
#define ANCHORD_ADD(NAME, ...) sum[at++] += NAME.get();
    ANCHORD_METRICS(ANCHORD_ADD_OF_SERVICE, ANCHORD_ADD_OF_SERVICE, ANCHORD_ADD_OF_SERVICE, ANCHORD_ADD)
#undef ANCHORD_ADD_OF_SERVICE
#undef ANCHORD_ADD
  }
};

}  // namespace anchord::service
