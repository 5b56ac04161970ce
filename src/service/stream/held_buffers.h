// Received buffers that wait until their connection is served, in order: a queue for
// each connection, linked through one array by buffer id. A buffer is in at most
// one queue, so nothing is allocated and the number held is bounded by the
// number of buffers there are.
#pragma once

#include <cstdint>
#include <vector>

namespace anchord::service {

class HeldBuffers {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Queue {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t count = 0;
    bool empty() const { return count == 0; }
  };

  HeldBuffers() : entries_(65536) {}  // every id that a completion can carry

  void push(Queue& queue, std::uint16_t buffer, std::uint32_t length) {
    entries_[buffer] = {kNone, length};
    (queue.empty() ? queue.first : entries_[queue.last].next) = buffer;
    queue.last = buffer;
    ++queue.count;
  }
  std::uint16_t front(const Queue& queue) const { return static_cast<std::uint16_t>(queue.first); }
  std::uint32_t front_length(const Queue& queue) const { return entries_[queue.first].length; }
  void pop(Queue& queue) {
    queue.first = entries_[queue.first].next;
    if (--queue.count == 0) queue.last = kNone;
  }

 private:
  struct Entry {
    std::uint32_t next = kNone;
    std::uint32_t length = 0;
  };
  std::vector<Entry> entries_;
};

}  // namespace anchord::service
