#include "metrics_json.h"

#include <nlohmann/json.hpp>

namespace anchord::control {

nlohmann::json to_json(const service::MetricValues& values) {
  nlohmann::json out = nlohmann::json::object();
  for (std::size_t i = 0; i < values.size(); ++i) out[service::kMetrics[i].name] = values[i];
  return out;
}

}  // namespace anchord::control
