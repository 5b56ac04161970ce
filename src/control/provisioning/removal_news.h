// What the log says of removals that are held: once when they are, again when they are twice or half as many,
// and when none is held any more. One thread's own.
#pragma once

#include <cstddef>
#include <string_view>

#include "anchord/base/clock.h"
#include "provisioning/removals.h"

namespace anchord::control {

class RemovalNews {
 public:
  // `what` follows a number: "files have gone from provisioning/". It outlives this one.
  RemovalNews(std::string_view what, Millis hold) : what_(what), hold_(hold) {}

  // So many that were held have been taken out of service.
  void note_gone(std::size_t count) {
    if (most_ > 0 && count > 0) most_ = count;
  }
  void tell(const Removals& removals, Millis now);

 private:
  std::string_view what_;
  Millis hold_;
  std::size_t in_log_ = 0;  // of how many it knows
  std::size_t most_ = 0;    // that were held together
};

}  // namespace anchord::control
