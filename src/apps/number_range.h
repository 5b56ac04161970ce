// Numbers on a command line, as a check of an option.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "number_text.h"

namespace anchord::app {

// `what`: "a number of seconds".
template <class Number>
CLI::Validator in_range(Number least, Number most, const std::string& what) {
  return CLI::Validator(
      [least, most, what](const std::string& text) {
        Number number{};
        return read_number(text, number, least, most, what);
      },
      fmt::format("[{} - {}]", least, most));
}

}  // namespace anchord::app
