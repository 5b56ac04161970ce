// Compiled with the table of metrics that add_counter.py makes: prints that table, and the status's counters
// of two shards that have counted with it.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "anchord/service/counters.h"
#include "process/named_metrics.h"

int main() {
  using namespace anchord;
  nlohmann::json table = nlohmann::json::array();
  for (const service::Metric& metric : service::kMetrics) {
    table.push_back({{"name", metric.name},
                     {"family", metric.family},
                     {"protocol", metric.protocol},
                     {"type", metric.type == service::MetricType::gauge ? "gauge" : "counter"},
                     {"unit", metric.unit == service::MetricUnit::bytes ? "bytes" : "count"},
                     {"help", metric.help}});
  }
  service::Counters first;
  service::Counters second;
  first.dummy_counter.add(2);
  second.dummy_counter.add(3);
  second.https_stream().open.set(7);
  second.tftp_bytes.add(11);
  service::MetricValues sum{};
  first.add_to(sum);
  second.add_to(sum);
  std::puts(nlohmann::json{{"table", table}, {"counters", control::named(sum)}}.dump().c_str());
}
