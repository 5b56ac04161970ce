// What the texts that administrators and phones choose may be.
#pragma once

#include <cstddef>
#include <string_view>

#include "anchord/base/error.h"

namespace anchord::store {

constexpr std::size_t kMaxNameValue = 64;  // RFC 5280's upper bound for O, OU and CN

// For names and models: at most kMaxNameValue bytes, without control characters. Errors name `what`.
Status check_text(std::string_view what, std::string_view text);

}  // namespace anchord::store
