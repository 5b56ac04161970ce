// Whether what is published is behind what is stored: since when, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "anchord/base/clock.h"

namespace anchord::control {

class Lag {
 public:
  // A change is in service sooner, as a rule. What takes longer is spoken of.
  static constexpr Millis kMoment = 2'000;

  enum class Cause : std::uint8_t {
    none,        // what is published is all there is
    unreadable,  // the store cannot be looked at
    refused,     // nothing can be built from it; this and the one before are spoken of at once
    files,       // they are still being made
    shard        // one lags, and as many views are kept as may be
  };

  // At each look. `reason` is for people, and may change while the cause stays. Returns a line for the log,
  // once for each of the last two causes.
  std::optional<std::string> look(Cause cause, std::string reason, Millis now, UnixSeconds time);

  // Empty while there is nothing to speak of.
  const std::string& problem() const { return problem_; }
  // When the first of what is not in service was stored, as far as was seen; while there is a problem.
  std::optional<UnixSeconds> since() const {
    return problem_.empty() ? std::nullopt : std::optional(since_time_);
  }

 private:
  Cause cause_ = Cause::none;
  Millis since_ = 0;
  UnixSeconds since_time_ = 0;
  bool said_ = false;  // of this cause
  std::string problem_;
};

}  // namespace anchord::control
