#include "anchord/base/clock.h"

#include <time.h>

namespace anchord {

Millis monotonic_now() {
  return monotonic_micros() / 1000;
}

std::uint64_t monotonic_micros() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

UnixSeconds calendar_now() {
  return time(nullptr);
}

}  // namespace anchord
