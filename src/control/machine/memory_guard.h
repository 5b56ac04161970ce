// Steps of a thread that goes on when there is no memory for one of them: the step is given up, counted,
// and done again later. What a step has begun it must leave as it was, or so that it can be repeated.
//
// Of exceptions this takes std::bad_alloc alone, and with it the sizes that operator new[] cannot take
// (std::bad_array_new_length). A std::length_error would be a size beyond what any container can have: sizes
// from outside are held against limits or the budget of memory before a container gets them, so that it is a
// mistake of ours, which must end the program rather than be tried again for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>

namespace anchord::control {

class MemoryGuard {
 public:
  // Whether the step came to its end. `what` is told in the log: "to look at the store".
  template <class Step>
  bool attempt(const char* what, Step&& step) noexcept {
    try {
      step();
      return true;
    } catch (const std::bad_alloc&) {
      note(what);
      return false;
    }
  }

  // Any thread.
  std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  void note(const char* what) noexcept;

  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace anchord::control
