// Memory that is kept for what must not fail: destructors of nlohmann's JSON allocate, and end the
// process when they cannot.
#pragma once

namespace anchord::control {

class MemoryReserve {
 public:
  // Takes it, for the whole process; at the start.
  static void take();
  // Takes it again when it was used. So does each scope at its beginning.
  static void refill() noexcept;

  // While one lives, an allocation of its thread that finds no memory uses the reserve.
  MemoryReserve();
  ~MemoryReserve();
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;
};

}  // namespace anchord::control
