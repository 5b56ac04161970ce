// Making an io_uring and its provided buffers: shared by the ring and the probe.
#pragma once

#include <liburing.h>

#include <cstdint>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/io/ring.h"

namespace anchord::io {

// An io_uring that knows whether it was made. Stays where it is.
class RawRing {
 public:
  RawRing() = default;
  ~RawRing();
  RawRing(const RawRing&) = delete;
  RawRing& operator=(const RawRing&) = delete;

  Status open(unsigned entries);
  // Polls the queues for `micros` microseconds before each wait sleeps, from now on.
  Status poll_queues(unsigned micros);
  io_uring* get() { return &ring_; }

 private:
  io_uring ring_{};
  bool made_ = false;
};

// The buffers of one group, and the ring through which the kernel takes them.
// What is given back becomes visible to the kernel with flush(), all at once.
// The memory must outlive the io_uring it was opened on.
class BufferRing {
 public:
  BufferRing() = default;
  ~BufferRing();
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;

  Status open(io_uring* ring, Group group, unsigned count, unsigned size);
  void give_back(std::uint16_t id);
  void flush();
  MutableBytes at(std::uint16_t id) const;

 private:
  void* memory_ = nullptr;
  std::size_t memory_size_ = 0;
  io_uring_buf_ring* entries_ = nullptr;
  std::uint8_t* buffers_ = nullptr;
  unsigned count_ = 0;
  unsigned size_ = 0;
  int pending_ = 0;
};

// The shape of what the kernel writes into a buffer for a datagram. The sizes
// keep the control data aligned.
msghdr datagram_shape();

}  // namespace anchord::io
