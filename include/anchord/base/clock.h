// The two times we know. Deadlines use the monotonic one, files and
// certificates the calendar.
#pragma once

#include <cstdint>

namespace anchord {

using Millis = std::uint64_t;      // monotonic, from an arbitrary start
using UnixSeconds = std::int64_t;  // seconds since 1970, UTC

constexpr Millis kNever = ~Millis{0};
constexpr UnixSeconds kSecondsPerDay = 86400;

Millis monotonic_now();
std::uint64_t monotonic_micros();  // the same clock, in microseconds
UnixSeconds calendar_now();

}  // namespace anchord
