// The budget of memory for files by what its bytes are for: what is served, what jobs have in hand, and what
// is left of former versions that somebody still reads. Thread-safe; allocates nothing but the text for
// people.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "anchord/base/memory_budget.h"
#include "machine/system_text.h"

namespace anchord::control {

class FileMemory {
 public:
  explicit FileMemory(MemoryBudget budget) : budget_(std::move(budget)) {}

  // For a job, which adds it to its account `in_hand` until release(). Empty when that much is not free. It
  // is counted before it is taken, so that it never looks like something that readers hold.
  MemoryBudget::Share take(std::uint64_t bytes, std::uint64_t& in_hand) noexcept {
    in_hand_ += bytes;
    MemoryBudget::Share share = budget_.take(bytes);
    share ? in_hand += bytes : in_hand_ -= bytes;
    return share;
  }
  void release(std::uint64_t& in_hand) noexcept { in_hand_ -= std::exchange(in_hand, 0); }
  void release_all() noexcept { in_hand_ = 0; }

  // What is served takes `now` instead of `before`.
  void serve(std::uint64_t before, std::uint64_t now) noexcept { served_ += now - before; }

  std::uint64_t held() const { return budget_.held(); }
  // Bytes that neither is: too little rather than too much while files are made.
  std::uint64_t superseded() const {
    const std::uint64_t held = budget_.held();
    return held - std::min(held, served_ + in_hand_);
  }

  // A file would fit if readers let go of what is superseded.
  void note_shortage() { shortage_ = true; }
  bool take_shortage() { return shortage_.exchange(false); }

  // Why a file that needs so many bytes is refused.
  std::string no_room(std::uint64_t bytes) const {
    return fmt::format(
        "needs {} of memory to be read and made, and of {} for files {} are free: remove files, or look at "
        "--max-memory and at what limits the service's memory",
        size_text(bytes), size_text(budget_.limit()), size_text(budget_.left()));
  }

 private:
  const MemoryBudget budget_;
  std::atomic<std::uint64_t> served_{0};
  std::atomic<std::uint64_t> in_hand_{0};
  std::atomic<bool> shortage_{false};
};

}  // namespace anchord::control
