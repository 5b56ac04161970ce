// What the benchmarks work on: the files and messages in tests/data, which are as
// phones and call managers exchange them. What is missing there ends the program.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"

namespace anchord::bench {

inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "benchmark: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

// The value, or the end of the program with the reason for there being none.
template <class T>
T must(Result<T> result) {
  if (!result) require(false, result.error().text);
  return std::move(*result);
}

inline Buffer sample_file(const std::string& name) {
  return must(read_file(std::string(ANCHORD_TEST_DATA "/") + name, 1 << 20));
}

inline Buffer sample_hex(const std::string& name) {
  auto bytes = from_hex(as_text(sample_file(name)));
  require(bytes.has_value(), name + " is not hexadecimal");
  return *bytes;
}

}  // namespace anchord::bench
