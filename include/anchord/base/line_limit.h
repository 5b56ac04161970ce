// How many lines of one kind go into the log: so many in a minute, and then how many were
// left out. What peers cause must not fill a disk.
#pragma once

#include <cstdint>

#include "anchord/base/clock.h"

namespace anchord {

class LineLimit {
 public:
  static constexpr Millis kPeriod = 60'000;
  static constexpr std::uint64_t kLines = 10;

  // Whether one more may be written.
  bool allow(Millis now) {
    if (count_ == 0) began_ = now;
    return ++count_ <= kLines;
  }
  // How many were left out in the period that has ended, once; 0 while it goes on.
  std::uint64_t take_left_out(Millis now) {
    if (count_ == 0 || now - began_ < kPeriod) return 0;
    std::uint64_t left_out = count_ > kLines ? count_ - kLines : 0;
    count_ = 0;
    return left_out;
  }

 private:
  Millis began_ = 0;
  std::uint64_t count_ = 0;  // in this period
};

}  // namespace anchord
