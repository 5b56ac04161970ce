// How much memory readers of former versions of files may hold, and who gives way when it is more: who
// has been at it longest, that is, began on the oldest view.
#pragma once

#include <cstdint>

#include "anchord/control/options.h"
#include "process/shard_threads.h"

namespace anchord::control {

class ReaderLimit {
 public:
  // A part of the budget: with less than three quarters of it files could not be replaced.
  static constexpr std::uint64_t kPart = 4;

  explicit ReaderLimit(std::uint64_t budget) : limit_(budget / kPart) {}

  std::uint64_t limit() const { return limit_; }

  // From time to time. `superseded` bytes are held, and `wanted` says that a new file finds no room
  // for them: then all who hold some give way, else the oldest until it is not more than the limit.
  void look(ShardThreads& shards, std::uint64_t superseded, bool wanted, std::uint64_t current);

 private:
  void tell(std::uint64_t gave_way);

  std::uint64_t limit_;
  bool was_more_ = false;  // at the last look: what is replaced just now is free in a moment
  std::uint64_t told_ = 0;
};

}  // namespace anchord::control
