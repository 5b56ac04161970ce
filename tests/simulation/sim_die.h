// How the simulated ring reports a broken rule.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace anchord::io {

template <class... Args>
[[noreturn]] void die(fmt::format_string<Args...> text, Args&&... args) {
  fmt::print(stderr, "simulated ring: {}\n", fmt::format(text, std::forward<Args>(args)...));
  std::abort();
}

}  // namespace anchord::io
