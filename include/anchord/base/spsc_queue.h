// A bounded SPSC queue (one producer, one consumer) of records, neither of which waits for the
// other. When the reader lags, records are dropped and counted.
//
// The consumer reads records and releases their places in two steps: a record that was read stays until
// it is released. Where the queue lies in a mapping of a file, a killed process leaves behind the records
// that it had not dealt with, and that costs no more than the stores that the queue makes anyway.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace anchord {

// How far the writer and the reader have come, counted from the first record that there ever was, so that the
// positions never wrap. Each side has whole cache lines of its own, so that they share none.
struct SpscPositions {
  alignas(64) std::atomic<std::uint64_t> tail{0};  // the writer's: the next record's
  std::atomic<std::uint64_t> lost{0};              // the writer's: records that found no place
  alignas(64) std::atomic<std::uint64_t> head{0};  // the reader's: all before it are released
};
static_assert(sizeof(SpscPositions) == 128 && std::atomic<std::uint64_t>::is_always_lock_free);

template <class Record, std::uint32_t kSize>
class SpscQueue {
  static_assert(std::is_trivially_copyable_v<Record> && std::is_trivially_destructible_v<Record>);
  static_assert((kSize & (kSize - 1)) == 0, "positions are made places with a mask");

 public:
  using RecordType = Record;
  static constexpr std::uint32_t kCapacity = kSize;

  // Allocates its own memory, whose pages are backed when they are first written to.
  SpscQueue() : own_(static_cast<std::byte*>(std::aligned_alloc(alignof(SpscPositions), kOwnSize))) {
    if (own_ == nullptr) throw std::bad_alloc();
    positions_ = new (own_.get()) SpscPositions;
    records_ = reinterpret_cast<Record*>(own_.get() + sizeof(SpscPositions));
  }
  // Uses memory that is given: `positions` are sound, and `records` has kCapacity records.
  SpscQueue(SpscPositions& positions, Record* records) : positions_(&positions), records_(records) {
    read_ = positions.head.load(std::memory_order_relaxed);
    assert(positions.tail.load(std::memory_order_relaxed) - read_ <= kCapacity);
  }

  // For the writer: appends a record. False when `room` places are taken.
  bool push(const Record& record, std::uint32_t room = kCapacity) {
    std::uint64_t tail = positions_->tail.load(std::memory_order_relaxed);
    if (tail - positions_->head.load(std::memory_order_acquire) >= room) {
      positions_->lost.store(positions_->lost.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      return false;
    }
    records_[tail % kCapacity] = record;
    positions_->tail.store(tail + 1, std::memory_order_release);
    return true;
  }

  // For the reader: calls `see(record)` for every record that it has not read yet, and returns the position
  // behind the last.
  template <class See>
  std::uint64_t read(See&& see) {
    std::uint64_t tail = positions_->tail.load(std::memory_order_acquire);
    for (; read_ != tail; ++read_) see(records_[read_ % kCapacity]);
    return read_;
  }
  // Does the same for the records at the front for which `is_due(record)` holds.
  template <class Due, class See>
  std::uint64_t read_due(Due&& is_due, See&& see) {
    std::uint64_t tail = positions_->tail.load(std::memory_order_acquire);
    for (; read_ != tail && is_due(records_[read_ % kCapacity]); ++read_) see(records_[read_ % kCapacity]);
    return read_;
  }
  std::uint64_t unread() const { return positions_->tail.load(std::memory_order_acquire) - read_; }
  std::uint64_t read_until() const { return read_; }
  // For the reader: releases the places of all records before `through`, which it has read.
  void release(std::uint64_t through) {
    assert(through <= read_);
    positions_->head.store(through, std::memory_order_release);
  }
  template <class See>
  void drain(See&& see) {
    release(read(see));
  }

  // The reader: how many places are taken, and how many records found none.
  std::uint64_t used() const {
    return positions_->tail.load(std::memory_order_acquire) -
           positions_->head.load(std::memory_order_relaxed);
  }
  std::uint64_t lost() const { return positions_->lost.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t kOwnSize =
      (sizeof(SpscPositions) + sizeof(Record) * kSize + alignof(SpscPositions) - 1) &
      ~(alignof(SpscPositions) - 1);
  static_assert(alignof(Record) <= alignof(SpscPositions));
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  std::unique_ptr<std::byte, Free> own_;
  SpscPositions* positions_ = nullptr;
  Record* records_ = nullptr;
  std::uint64_t read_ = 0;
};

}  // namespace anchord
