// The documents that tell of a cluster: what commands print with --json, and the admin endpoint answers.
#pragma once

#include <nlohmann/json.hpp>

namespace anchord::report {

// Fields come out in the order they were put in.
using Json = nlohmann::ordered_json;

}  // namespace anchord::report
