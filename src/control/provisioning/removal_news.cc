#include "provisioning/removal_news.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/log.h"

namespace anchord::control {

void RemovalNews::tell(const Removals& removals, Millis now) {
  const std::size_t held = removals.held();
  if (held == 0) {
    if (most_ > 0) log::info(fmt::format("{} {}: none is held any more", most_, what_));
    in_log_ = most_ = 0;
    return;
  }
  most_ = std::max(most_, held);
  const bool more = held >= 2 * in_log_ || (held > in_log_ && removals.is_settled(now));
  if (!more && 2 * held > in_log_) return;
  in_log_ = held;
  log::warn(
      fmt::format("{} {}: what was in service stays for {} seconds; put them back, or let them go at "
                  "once with 'anchorctl confirm'",
                  held, what_, hold_ / 1000));
}

}  // namespace anchord::control
