// Numbers that people write, within a range and with a unit.
#pragma once

#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "anchord/base/error.h"

namespace anchord {

// Decimal, without blanks. `what`: "a number of seconds". The error: "'-1' is not a number of seconds from
// 0 to 600".
template <class Number>
Result<Number> parse_number(std::string_view text, Number least, Number most, std::string_view what) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [at, problem] = std::from_chars(text.data(), end, number);
  if (problem == std::errc() && at == end && number >= least && number <= most) return number;
  return fail(fmt::format("'{}' is not {} from {} to {}", text, what, least, most));
}

}  // namespace anchord
