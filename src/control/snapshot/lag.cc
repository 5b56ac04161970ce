#include "snapshot/lag.h"

#include <utility>

namespace anchord::control {

std::optional<std::string> Lag::look(Cause cause, std::string reason, Millis now, UnixSeconds time) {
  if (cause_ == Cause::none) {
    since_ = now;
    since_time_ = time;
  }
  if (std::exchange(cause_, cause) != cause) said_ = false;
  const bool at_once = cause == Cause::unreadable || cause == Cause::refused;
  const bool spoken_of = cause != Cause::none && (at_once || now - since_ >= kMoment);
  problem_ = spoken_of ? std::move(reason) : std::string();
  if (!spoken_of || at_once || std::exchange(said_, true)) return std::nullopt;
  return "what is in service is behind what is stored: " + problem_;
}

}  // namespace anchord::control
