#include "anchord/base/calendar.h"

#include <fmt/core.h>
#include <time.h>

namespace anchord {

std::string time_text(UnixSeconds time) {
  time_t seconds = time;
  tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return fmt::format("@{}", time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string date_text(UnixSeconds time) {
  const std::string text = time_text(time);
  return text.substr(0, text.find('T'));
}

std::int64_t days_left(UnixSeconds time, UnixSeconds now) {
  std::int64_t left = time - now;
  return left >= 0 ? left / kSecondsPerDay : -((-left + kSecondsPerDay - 1) / kSecondsPerDay);
}

std::string days_left_text(UnixSeconds time, UnixSeconds now) {
  if (time < now) return "expired";
  std::int64_t days = days_left(time, now);
  return days == 1 ? "1 day" : fmt::format("{} days", days);
}

}  // namespace anchord
