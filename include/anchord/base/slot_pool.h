// A fixed number of objects, all made at start, named by slot and generation.
//
// A slot's generation changes when it is released, so that an event meant for
// its last tenant (a late completion, a timer) is recognised and dropped. The
// most recently released slot is taken first: its memory is still in the cache.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <vector>

namespace anchord {

template <class T>
class SlotPool {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::uint32_t kGenerationMask = 0xffffff;  // what a completion tag can carry

  explicit SlotPool(std::uint32_t capacity)
      : objects_(std::make_unique<T[]>(capacity)), generation_(capacity, 0), in_use_(capacity, false) {
    free_.reserve(capacity);
    for (std::uint32_t i = capacity; i-- > 0;) free_.push_back(i);
  }

  std::uint32_t capacity() const { return static_cast<std::uint32_t>(generation_.size()); }
  std::uint32_t used() const { return capacity() - static_cast<std::uint32_t>(free_.size()); }
  bool full() const { return free_.empty(); }

  // kNone when all are in use: a limit reached, not an error.
  std::uint32_t acquire() {
    if (free_.empty()) return kNone;
    std::uint32_t slot = free_.back();
    free_.pop_back();
    in_use_[slot] = true;
    return slot;
  }

  void release(std::uint32_t slot) {
    assert(in_use_[slot]);
    in_use_[slot] = false;
    generation_[slot] = (generation_[slot] + 1) & kGenerationMask;
    free_.push_back(slot);
  }

  T& operator[](std::uint32_t slot) { return objects_[slot]; }
  const T& operator[](std::uint32_t slot) const { return objects_[slot]; }
  std::uint32_t generation(std::uint32_t slot) const { return generation_[slot]; }

  bool alive(std::uint32_t slot, std::uint32_t generation) const {
    return slot < capacity() && in_use_[slot] && generation_[slot] == generation;
  }
  bool in_use(std::uint32_t slot) const { return in_use_[slot]; }

 private:
  std::unique_ptr<T[]> objects_;
  std::vector<std::uint32_t> generation_;
  std::vector<bool> in_use_;
  std::vector<std::uint32_t> free_;
};

}  // namespace anchord
