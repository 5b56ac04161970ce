#include "machine/memory_reserve.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace anchord::control {
namespace {

// The size of a status of many files and devices.
constexpr std::size_t kReserve = 512 * 1024;

std::atomic<void*> kept_aside{nullptr};
thread_local unsigned scopes_of_thread = 0;

void use_reserve() {
  void* memory = scopes_of_thread > 0 ? kept_aside.exchange(nullptr) : nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  std::free(memory);
}

}  // namespace

void MemoryReserve::take() {
  refill();
  std::set_new_handler(use_reserve);
}

void MemoryReserve::refill() noexcept {
  if (kept_aside.load() != nullptr) return;
  void* memory = std::malloc(kReserve);
  if (memory == nullptr) return;
  std::memset(memory, 1, kReserve);        // address space alone would not do
  std::free(kept_aside.exchange(memory));  // while the service starts, another thread may have been faster
}

MemoryReserve::MemoryReserve() {
  refill();  // one that came before may have used it
  ++scopes_of_thread;
}

MemoryReserve::~MemoryReserve() {
  --scopes_of_thread;
}

}  // namespace anchord::control
