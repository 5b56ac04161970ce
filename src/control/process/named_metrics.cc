#include "process/named_metrics.h"

namespace anchord::control {

std::map<std::string, std::uint64_t> named(const service::MetricValues& values) {
  std::map<std::string, std::uint64_t> out;
  for (std::size_t i = 0; i < values.size(); ++i) out.emplace(service::kMetrics[i].name, values[i]);
  return out;
}

}  // namespace anchord::control
