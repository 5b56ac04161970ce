// How long a test waits for what comes for certain: it ends what hangs, and asserts no speed.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "anchord/base/clock.h"

namespace anchord {

// Longer where things take longer: ANCHORD_TIME_FACTOR says how many times as long as on an idle
// machine, as tools/test has measured it.
inline Millis time_bound() {
  const char* factor = std::getenv("ANCHORD_TIME_FACTOR");
  const int times = factor == nullptr ? 1 : std::atoi(factor);
  return 120'000 * static_cast<Millis>(std::max(times, 1));
}

}  // namespace anchord
