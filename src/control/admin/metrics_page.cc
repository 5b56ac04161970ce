#include "admin/metrics_page.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admin/metrics_text.h"
#include "admin/service_metrics.def"

namespace anchord::control {
namespace {

using Samples = std::vector<Sample>;

constexpr std::string_view kPrefix = "anchord_";

std::string full_name(std::string_view name) {
  return name.starts_with("process_") ? std::string(name) : std::string(kPrefix) + std::string(name);
}

// --- Of the shards' table. A family is one metric, whose label says whose it is.

void put_counters(MetricsText& text, const service::MetricValues& values) {
  std::vector<bool> put(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (put[i]) continue;
    const service::Metric& first = service::kMetrics[i];
    Samples samples;
    for (std::size_t j = i; j < values.size(); ++j) {
      const service::Metric& metric = service::kMetrics[j];
      if (metric.family != first.family) continue;
      put[j] = true;
      Labels labels;
      if (!metric.protocol.empty()) labels.emplace_back("protocol", metric.protocol);
      samples.push_back({static_cast<double>(values[j]), std::move(labels)});
    }
    const std::string_view unit = first.unit == service::MetricUnit::bytes ? "bytes" : "";
    if (first.type == service::MetricType::counter) {
      text.counter(full_name(first.family), unit, first.help, samples);
    } else {
      text.gauge(full_name(first.family), unit, first.help, samples);
    }
  }
}

double seconds_of(std::uint64_t micros) {
  return static_cast<double>(micros) / 1e6;
}

void put_latencies(MetricsText& text, const service::AllLatencyValues& values) {
  std::array<double, service::kLatencyBounds.size()> bounds;
  std::ranges::transform(service::kLatencyBounds, bounds.begin(), seconds_of);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const service::Latency& first = service::kLatencies[i];
    if (i > 0 && service::kLatencies[i - 1].name == first.name) continue;  // it was put with that one
    std::vector<HistogramSample> samples;
    for (std::size_t j = i; j < values.size() && service::kLatencies[j].name == first.name; ++j)
      samples.push_back({.bounds = bounds,
                         .counts = values[j].counts,
                         .sum = seconds_of(values[j].sum),
                         .labels = {{"protocol", std::string(service::kLatencies[j].protocol)}}});
    text.histogram(full_name(first.name) + "_seconds", "seconds", first.help, samples);
  }
}

// --- What the expressions of service_metrics.def say

template <class Number>
Samples one(Number value, Labels labels = {}) {
  return {{static_cast<double>(value), std::move(labels)}};
}

double since(UnixSeconds time) {
  return static_cast<double>(std::max<UnixSeconds>(0, calendar_now() - time));
}

Samples if_any(const std::optional<UnixSeconds>& time) {
  return time ? one(since(*time)) : Samples();
}

// Where two have one name, which a label's text must not have twice, the one that ends first counts.
Samples certificates(const AdminSeen& seen) {
  std::map<std::pair<std::string, std::string>, UnixSeconds> soonest;
  for (const auto& own : seen.own_certificates) {
    const auto [at, is_new] = soonest.try_emplace({own.service, own.certificate}, own.ends);
    if (!is_new) at->second = std::min(at->second, own.ends);
  }
  Samples out;
  for (const auto& [name, ends] : soonest) {
    const auto left = static_cast<double>(ends - calendar_now());
    out.push_back({left, {{"service", name.first}, {"certificate", name.second}}});
  }
  return out;
}

enum class Type { counter, gauge };

void put(MetricsText& text, Type type, std::string_view name, std::string_view unit, std::string_view help,
         const Samples& samples) {
  const std::string_view shown_unit = unit == "count" ? "" : unit;
  type == Type::counter ? text.counter(full_name(name), shown_unit, help, samples)
                        : text.gauge(full_name(name), shown_unit, help, samples);
}

void put_service(MetricsText& text, const AdminSeen& seen) {
#define ANCHORD_PUT(NAME, TYPE, UNIT, HELP, ADVICE, ...) \
  put(text, Type::TYPE, #NAME, #UNIT, HELP, __VA_ARGS__);
  ANCHORD_SERVICE_METRICS(ANCHORD_PUT)
#undef ANCHORD_PUT
}

}  // namespace

admin::Page metrics_page(std::string_view accept, const service::MetricValues& counters,
                         const service::AllLatencyValues& latencies, const AdminSeen& seen) {
  MetricsText text(MetricsText::asks_for_open_metrics(accept));
  put_counters(text, counters);
  put_latencies(text, latencies);
  put_service(text, seen);
  return {.type = std::string(text.type()), .body = text.take()};
}

}  // namespace anchord::control
