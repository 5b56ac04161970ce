// What the kernel says of this process.
#pragma once

#include <cstdint>

namespace anchord::control {

struct ProcessFigures {
  double cpu = 0;  // seconds
  std::uint64_t resident = 0;
  std::uint64_t address_space = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t descriptors_allowed = 0;
  std::uint64_t threads = 0;
  double started = 0;  // seconds since 1970
};

// What cannot be read stays 0.
ProcessFigures process_figures();

}  // namespace anchord::control
