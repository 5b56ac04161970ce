#include "failing_new.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace anchord {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

thread_local bool spared = false;
thread_local bool paused = false;
thread_local std::int64_t left_here = kNever;
thread_local bool failed_here = false;
std::atomic<std::int64_t> left_elsewhere{kNever};
std::atomic<bool> failed_elsewhere{false};
std::atomic<std::int64_t> held_elsewhere{0};
std::atomic<std::int64_t> most_elsewhere{0};

bool fails() {
  if (left_here != kNever && !paused && left_here-- == 0) {
    left_here = kNever;
    failed_here = true;
    return true;
  }
  if (spared || left_elsewhere.load(std::memory_order_relaxed) > (kNever >> 1)) return false;
  if (left_elsewhere.fetch_sub(1) != 0) return false;
  failed_elsewhere = true;
  return true;
}

void count(void* memory, std::int64_t sign) {
  if (spared || memory == nullptr) return;
  const std::int64_t held =
      held_elsewhere.fetch_add(sign * static_cast<std::int64_t>(::malloc_usable_size(memory))) +
      sign * static_cast<std::int64_t>(::malloc_usable_size(memory));
  std::int64_t most = most_elsewhere.load();
  while (held > most && !most_elsewhere.compare_exchange_weak(most, held)) {
  }
}

void* take(std::size_t size, std::size_t alignment) noexcept {
  if (fails()) return nullptr;
  void* memory = alignment == 0
                     ? std::malloc(std::max<std::size_t>(size, 1))
                     : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  count(memory, 1);
  return memory;
}

void* take_or_throw(std::size_t size, std::size_t alignment) {
  for (;;) {
    if (void* memory = take(size, alignment)) return memory;
    std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void give_back(void* memory) noexcept {
  count(memory, -1);
  std::free(memory);
}

}  // namespace

FailHere::FailHere(std::int64_t nth) {
  failed_here = false;
  left_here = nth;
}
FailHere::~FailHere() {
  left_here = kNever;
}
bool FailHere::happened() const {
  return failed_here;
}

FailElsewhere::FailElsewhere(std::int64_t nth) {
  failed_elsewhere = false;
  left_elsewhere = nth;
}
FailElsewhere::~FailElsewhere() {
  left_elsewhere = kNever;
}
bool FailElsewhere::happened() const {
  return failed_elsewhere;
}

PauseHere::PauseHere() : before_(paused) {
  paused = true;
}
PauseHere::~PauseHere() {
  paused = before_;
}

SpareHere::SpareHere() : before_(spared) {
  spared = true;
}
SpareHere::~SpareHere() {
  spared = before_;
}

void restart_peak() {
  held_elsewhere = 0;
  most_elsewhere = 0;
}
std::int64_t peak_elsewhere() {
  return most_elsewhere;
}

}  // namespace anchord

void* operator new(std::size_t size) {
  return anchord::take_or_throw(size, 0);
}
void* operator new[](std::size_t size) {
  return anchord::take_or_throw(size, 0);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return anchord::take(size, 0);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return anchord::take(size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return anchord::take_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return anchord::take_or_throw(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  anchord::give_back(memory);
}
void operator delete[](void* memory) noexcept {
  anchord::give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  anchord::give_back(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  anchord::give_back(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  anchord::give_back(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  anchord::give_back(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  anchord::give_back(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  anchord::give_back(memory);
}
