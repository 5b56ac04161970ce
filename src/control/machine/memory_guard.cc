#include "machine/memory_guard.h"

#include <fmt/core.h>

#include "anchord/base/log.h"

namespace anchord::control {

void MemoryGuard::note(const char* what) noexcept {
  failures_.fetch_add(1, std::memory_order_relaxed);
  try {
    log::error(log::Peers::memory, fmt::format("there is not enough memory {}: it is tried again", what));
  } catch (const std::bad_alloc&) {
    log::error(log::Peers::memory, "there is not enough memory: what could not be done is tried again");
  }
}

}  // namespace anchord::control
