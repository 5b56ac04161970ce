// The beginning of a request that waits for its rest: in a pool's buffer, and only
// while there is any.
#pragma once

#include <cassert>
#include <cstring>

#include "stream/buffer_pool.h"

namespace anchord::service {

class PartialInput {
 public:
  bool empty() const { return id_ == BufferPool::kNone; }

  void keep(Bytes left, BufferPool& pool) {
    assert(empty());
    if (left.empty()) return;
    id_ = pool.acquire();
    assert(left.size() <= pool[id_].size());
    std::memcpy(pool[id_].data(), left.data(), left.size());
    size_ = static_cast<std::uint32_t>(left.size());
  }

  // Moves it to the front of `into`.
  Bytes take(BufferPool& pool, MutableBytes into) {
    std::size_t size = size_;
    if (!empty()) std::memcpy(into.data(), pool[id_].data(), size);
    drop(pool);
    return into.first(size);
  }

  void drop(BufferPool& pool) {
    if (!empty()) pool.release(id_);
    id_ = BufferPool::kNone;
    size_ = 0;
  }

 private:
  std::uint32_t id_ = BufferPool::kNone;
  std::uint32_t size_ = 0;
};

}  // namespace anchord::service
