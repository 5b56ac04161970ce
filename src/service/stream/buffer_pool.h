// Equal buffers, reserved at start and touched when used.
//
// The address space is taken once, a page of it becomes memory when somebody
// writes there, and the buffer used last is handed out first. So a pool with one
// buffer for every connection costs what the busiest moment needed, and running
// out is impossible rather than handled.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "anchord/base/bytes.h"

namespace anchord::service {

class BufferPool {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  BufferPool(std::uint32_t count, std::size_t size);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  std::uint32_t acquire() {
    assert(!free_.empty());
    std::uint32_t id = free_.back();
    free_.pop_back();
    return id;
  }
  void release(std::uint32_t id) { free_.push_back(id); }
  MutableBytes operator[](std::uint32_t id) const { return {memory_ + id * size_, size_}; }
  std::size_t out() const { return count_ - free_.size(); }

 private:
  std::uint8_t* memory_;
  std::size_t size_;
  std::uint32_t count_;
  std::vector<std::uint32_t> free_;
};

}  // namespace anchord::service
