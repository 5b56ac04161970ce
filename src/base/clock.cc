#include "anchord/base/clock.h"

#include <time.h>

namespace anchord {

Millis monotonic_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<Millis>(t.tv_sec) * 1000 + static_cast<Millis>(t.tv_nsec) / 1'000'000;
}

UnixSeconds calendar_now() {
  return time(nullptr);
}

}  // namespace anchord
