// Allocations that fail when a test says so: a replacement of operator new, for programs that link
// failing_new.cc. What C libraries allocate is not among them.
#pragma once

#include <cstdint>

namespace anchord {

// The `nth` allocation (from 0) of the present thread fails, as long as this lives; one alone.
class FailHere {
 public:
  explicit FailHere(std::int64_t nth);
  ~FailHere();
  FailHere(const FailHere&) = delete;
  FailHere& operator=(const FailHere&) = delete;

  bool happened() const;
};

// The same of all threads but those that hold a SpareHere, counted together.
class FailElsewhere {
 public:
  explicit FailElsewhere(std::int64_t nth);
  ~FailElsewhere();
  FailElsewhere(const FailElsewhere&) = delete;
  FailElsewhere& operator=(const FailElsewhere&) = delete;

  bool happened() const;
};

// What the present thread allocates meanwhile is not counted by FailHere.
class PauseHere {
 public:
  PauseHere();
  ~PauseHere();
  PauseHere(const PauseHere&) = delete;
  PauseHere& operator=(const PauseHere&) = delete;

 private:
  bool before_;
};

class SpareHere {
 public:
  SpareHere();
  ~SpareHere();
  SpareHere(const SpareHere&) = delete;
  SpareHere& operator=(const SpareHere&) = delete;

 private:
  bool before_;
};

// Bytes that threads without SpareHere hold beyond what they held at the last restart, at their most.
void restart_peak();
std::int64_t peak_elsewhere();

}  // namespace anchord
