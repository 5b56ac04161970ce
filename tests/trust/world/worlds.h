// Worlds one after the other: a world of a few thousand steps has seen what it has to show, and the
// lists that it has made are let go with it.
#pragma once

#include <cstdint>
#include <string>

#include "world.h"

namespace anchord::trust::world {

constexpr std::uint64_t kStepsOfAWorld = 2000;

struct Outcome {
  Trouble trouble = Trouble::none;
  std::uint64_t seed = 0;  // of the world with the trouble
  std::string story;       // of that world
  Counts counts;
};

// From the settings' seed on, until there is trouble or so many steps are made.
Outcome run_worlds(WorldSettings settings, std::uint64_t steps);

std::string summary(const Outcome& outcome);

}  // namespace anchord::trust::world
