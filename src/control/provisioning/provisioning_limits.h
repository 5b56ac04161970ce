// What the provisioner may take, and how often it looks.
#pragma once

#include <cstdint>

#include "anchord/base/clock.h"
#include "anchord/base/memory_budget.h"

namespace anchord::control {

struct ProvisioningLimits {
  std::uint64_t max_file = 0;    // bytes of one file
  std::uint64_t max_folder = 0;  // of all
  // From one look at everything to the next, which heals lost events.
  Millis rescan = 30'000;
  Millis retry_memory = 50;  // after an allocation has failed; each time in a row twice as long
  Millis hold_removals = 0;  // for so long many files that go at once stay; 0: they go
  MemoryBudget memory{};     // what is read and made takes its part of it
};

}  // namespace anchord::control
