#include "process/reader_limit.h"

#include <fmt/core.h>

#include "anchord/base/log.h"

namespace anchord::control {

// The oldest is known from what the shards said at the order before.
void ReaderLimit::look(ShardThreads& shards, std::uint64_t superseded, bool wanted, std::uint64_t current) {
  if (wanted && superseded > 0) {
    shards.give_way(current);
  } else if (superseded > limit_ && was_more_) {
    shards.give_way(shards.oldest_reader() + 1);
  }
  was_more_ = superseded > limit_;
  tell(shards.sum(&service::Counters::memory_gave_way));
}

void ReaderLimit::tell(std::uint64_t gave_way) {
  if (gave_way == told_) return;
  const std::uint64_t more = gave_way - told_;
  told_ = gave_way;
  log::warn(
      log::Peers::readers,
      fmt::format("{} slow readers of files that were replaced gave way: more than {} bytes were held for "
                  "such, or a new file needed the room (--max-memory)",
                  more, limit_));
}

}  // namespace anchord::control
