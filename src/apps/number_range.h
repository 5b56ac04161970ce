// Numbers on a command line, with their range and unit in the error: "'-1' is not a number of seconds from
// 0 to 600".
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>

namespace anchord::app {

// As a check of an option. `what`: "a number of seconds".
template <class Number>
CLI::Validator in_range(Number least, Number most, const std::string& what) {
  return CLI::Validator(
      [least, most, what](const std::string& text) {
        Number number{};
        const char* end = text.data() + text.size();
        auto [at, problem] = std::from_chars(text.data(), end, number);
        if (problem == std::errc() && at == end && number >= least && number <= most) return std::string();
        return fmt::format("'{}' is not {} from {} to {}", text, what, least, most);
      },
      fmt::format("[{} - {}]", least, most));
}

}  // namespace anchord::app
