#include "worlds.h"

#include <fmt/core.h>

#include <algorithm>

namespace anchord::trust::world {

Outcome run_worlds(WorldSettings settings, std::uint64_t steps) {
  Outcome outcome;
  while (outcome.counts.steps < steps) {
    World world(settings);
    outcome.trouble = world.run(std::min(kStepsOfAWorld, steps - outcome.counts.steps));
    if (outcome.trouble == Trouble::none) world.settle();
    outcome.counts += world.counts();
    outcome.seed = settings.seed++;
    if (outcome.trouble == Trouble::none) continue;
    outcome.story = world.story();
    break;
  }
  return outcome;
}

std::string summary(const Outcome& outcome) {
  const Counts& counts = outcome.counts;
  std::string text;
  if (outcome.trouble != Trouble::none)
    text = fmt::format(
        "{}world {}: {}\n", outcome.story, outcome.seed,
        outcome.trouble == Trouble::phone_locked ? "a phone is locked" : "what is believed is wrong");
  text +=
      fmt::format("{} steps, {} boots, {} changes made, {} refused, {} phones moved, {} times records lost\n",
                  counts.steps, counts.boots, counts.changes, counts.refused, counts.moves, counts.gaps);
  text += fmt::format(
      "after undisturbed boots {} phones are clear, {} are not ({} held what is served before); {} clusters "
      "accept the next change, {} do "
      "not\n",
      counts.cleared, counts.not_cleared, counts.silent, counts.worlds_cleared, counts.worlds_not_cleared);
  return text;
}

}  // namespace anchord::trust::world
