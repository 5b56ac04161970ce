// The limits of all kinds of lines that peers can cause. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "anchord/base/line_limit.h"
#include "anchord/base/log.h"

namespace anchord::log {

class LineLimits {
 public:
  static constexpr std::size_t kKinds = static_cast<std::size_t>(Peers::count);

  bool allow(Peers kind, Millis now) {
    std::lock_guard lock(mutex_);
    return limits_.at(static_cast<std::size_t>(kind)).allow(now);
  }
  // By kind.
  std::array<std::uint64_t, kKinds> take_left_out(Millis now) {
    std::lock_guard lock(mutex_);
    std::array<std::uint64_t, kKinds> out{};
    for (std::size_t i = 0; i < kKinds; ++i) out.at(i) = limits_.at(i).take_left_out(now);
    return out;
  }

 private:
  std::mutex mutex_;
  std::array<LineLimit, kKinds> limits_;
};

}  // namespace anchord::log
