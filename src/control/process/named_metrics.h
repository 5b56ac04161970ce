// The metrics as the status has them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "anchord/service/metrics.h"

namespace anchord::control {

// The value of each by its name.
std::map<std::string, std::uint64_t> named(const service::MetricValues& values);

}  // namespace anchord::control
