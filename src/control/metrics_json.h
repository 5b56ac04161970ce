// The metrics as JSON, as they are in the status.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "anchord/service/metrics.h"

namespace anchord::control {

// An object: the value of each by its name.
nlohmann::json to_json(const service::MetricValues& values);

}  // namespace anchord::control
