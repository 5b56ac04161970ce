// Numbers on a command line, with their range and unit in the error: "'-1' is not a number of seconds from
// 0 to 600".
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <string>

namespace anchord::app {

// Reads all of `text` as a number into `number`, which is left alone when that fails. Gives what is wrong with
// it, or nothing. `what`: "a number of seconds".
template <class Number>
std::string read_number(const std::string& text, Number& number, Number least, Number most,
                        const std::string& what) {
  Number read{};
  const char* end = text.data() + text.size();
  auto [at, problem] = std::from_chars(text.data(), end, read);
  if (problem != std::errc() || at != end || read < least || read > most)
    return fmt::format("'{}' is not {} from {} to {}", text, what, least, most);
  number = read;
  return {};
}

}  // namespace anchord::app
