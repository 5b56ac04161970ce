// Times of the calendar as people read them, and what is left until one.
#pragma once

#include <cstdint>
#include <string>

#include "anchord/base/clock.h"

namespace anchord {

// "2026-11-23T05:33:38Z", the one spelling of times in all output.
std::string time_text(UnixSeconds time);

// "2026-11-23"
std::string date_text(UnixSeconds time);

// Whole days until `time`; negative once it has passed.
std::int64_t days_left(UnixSeconds time, UnixSeconds now);

// "12 days", "1 day", "expired": for people.
std::string days_left_text(UnixSeconds time, UnixSeconds now);

}  // namespace anchord
