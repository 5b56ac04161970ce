// Numbers on a command line, as a check of an option.
#pragma once

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <string>

#include "anchord/base/parse_number.h"

namespace anchord::app {

// `what`: "a number of seconds".
template <class Number>
CLI::Validator in_range(Number least, Number most, const std::string& what) {
  return CLI::Validator(
      [least, most, what](const std::string& text) {
        auto number = parse_number(text, least, most, what);
        return number ? std::string() : number.error().text;
      },
      fmt::format("[{} - {}]", least, most));
}

}  // namespace anchord::app
