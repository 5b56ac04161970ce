// Records of what was sent on one connection, until its peer has acknowledged it or the
// connection is gone: in a pool's buffer, and only while there are any.
//
// Each waits for a place in the connection's output, in bytes from its start.
#pragma once

#include <cassert>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "stream/buffer_pool.h"

namespace anchord::service {

// At most `kMost` wait at once: a client that asks and does not acknowledge takes no more.
// Phones ask one thing after the other, so that one waits at a time.
template <class Record, unsigned kMost>
class AwaitedRecords {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  static constexpr std::size_t kRoom =
      kMost * (sizeof(Record) + sizeof(std::uint64_t));  // of the pool's buffers

  // The place is given by stamp(), once it is known. False when it cannot wait: nobody will
  // know more of it.
  bool add(const Record& record, BufferPool& pool) {
    if (count_ == kMost) return false;
    if (count_ == 0) id_ = pool.acquire();
    std::memcpy(entry(count_, pool), &kUnknown, sizeof kUnknown);
    std::memcpy(entry(count_, pool) + sizeof kUnknown, &record, sizeof record);
    ++count_;
    return true;
  }
  // The place of those that were added since the last call; places do not decrease.
  void stamp(std::uint64_t place, BufferPool& pool) {
    assert(place >= last_);
    for (unsigned i = count_; i > 0 && place_of(i - 1, pool) == kUnknown; --i) {
      std::memcpy(entry(i - 1, pool), &place, sizeof place);
      last_ = place;
    }
  }

  // What the last of those that have a place waits for; 0 when there is none.
  std::uint64_t last() const { return last_; }

  // Takes out those whose place is acknowledged, and calls `see(record)` for each.
  template <class See>
  void settle(std::uint64_t acknowledged, BufferPool& pool, See&& see) {
    unsigned settled = 0;
    for (; settled < count_ && place_of(settled, pool) <= acknowledged; ++settled) see(record(settled, pool));
    if (settled == 0) return;
    if (acknowledged >= last_) last_ = 0;
    count_ -= settled;
    if (count_ == 0) return let_go(pool);
    std::memmove(entry(0, pool), entry(settled, pool), count_ * kEntry);
  }

  // The rest: of these nobody will know more.
  template <class See>
  void give_up(BufferPool& pool, See&& see) {
    if (count_ == 0) return;
    for (unsigned i = 0; i < count_; ++i) see(record(i, pool));
    let_go(pool);
  }

 private:
  static constexpr std::size_t kEntry = kRoom / kMost;
  static constexpr std::uint64_t kUnknown = ~std::uint64_t{0};

  std::uint8_t* entry(unsigned index, BufferPool& pool) const { return pool[id_].data() + index * kEntry; }
  std::uint64_t place_of(unsigned index, BufferPool& pool) const {
    std::uint64_t out = 0;
    std::memcpy(&out, entry(index, pool), sizeof out);
    return out;
  }
  Record record(unsigned index, BufferPool& pool) const {
    Record out;
    std::memcpy(&out, entry(index, pool) + sizeof(std::uint64_t), sizeof out);
    return out;
  }
  void let_go(BufferPool& pool) {
    pool.release(id_);
    id_ = BufferPool::kNone;
    count_ = 0;
    last_ = 0;
  }

  std::uint32_t id_ = BufferPool::kNone;
  unsigned count_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace anchord::service
