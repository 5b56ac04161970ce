// How soon a certificate ends, as the log, warnings and reports tell it.
//
// Times are seconds since 1970.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "anchord/base/calendar.h"

namespace anchord::crypto {

enum class Expiry : std::uint8_t { far, noticed, soon, urgent, ended };

// With less than so many days left a certificate is noticed, soon and urgent.
inline constexpr std::array<std::int64_t, 3> kExpiryDays{90, 30, 7};

// Of a certificate's not_after().
inline Expiry expiry_of(UnixSeconds not_after, UnixSeconds now) {
  if (not_after < now) return Expiry::ended;
  const auto days = days_left(not_after, now);
  return static_cast<Expiry>(std::ranges::count_if(kExpiryDays, [&](auto limit) { return days < limit; }));
}

// The limit that was passed last; not of far and ended.
constexpr std::int64_t days_of(Expiry expiry) {
  return kExpiryDays.at(static_cast<std::size_t>(expiry) - 1);
}

}  // namespace anchord::crypto
