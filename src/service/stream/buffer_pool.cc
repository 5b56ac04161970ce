#include "stream/buffer_pool.h"

#include <sys/mman.h>

#include <new>

namespace anchord::service {

BufferPool::BufferPool(std::uint32_t count, std::size_t size)
    // Whole pages each, so that a buffer's neighbours do not share its memory.
    : size_((size + 4095) / 4096 * 4096), count_(count) {
  void* memory = ::mmap(nullptr, size_ * count_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::uint8_t*>(memory);
  free_.reserve(count);
  for (std::uint32_t i = count; i-- > 0;) free_.push_back(i);
}

BufferPool::~BufferPool() {
  ::munmap(memory_, size_ * count_);
}

}  // namespace anchord::service
