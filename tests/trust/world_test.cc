// Worlds with faults (world/world.h), with all rules and without one of them each.
#include <gtest/gtest.h>

#include "worlds.h"

namespace anchord::trust::world {
namespace {

// The test 'lifecycle' makes a million more.
constexpr std::uint64_t kSteps = 10'000;

TEST(World, NoPhoneLocksAndWhatIsBelievedContainsWhatIsHeld) {
  Outcome outcome = run_worlds({.off = {}}, kSteps);
  EXPECT_EQ(outcome.trouble, Trouble::none) << summary(outcome);
  // Guards that refuse everything, or are never asked, would prove nothing.
  EXPECT_GT(outcome.counts.changes, kSteps / 200);
  EXPECT_GT(outcome.counts.refused, kSteps / 200);
  EXPECT_GT(outcome.counts.gaps, 0U);
}

// What goes wrong first without a rule, and in which world: others would do, and are tried when that
// one shows nothing any more.
struct Without {
  Rule rule;
  Trouble trouble;
  std::uint64_t seed;
};

std::string name_of(const testing::TestParamInfo<Without>& info) {
  for (const auto& [rule, name] : kRuleNames) {
    if (rule != info.param.rule) continue;
    std::string text(name);
    std::erase(text, '-');
    return text + (info.param.trouble == Trouble::phone_locked ? "_locks" : "_misleads");
  }
  return "unnamed";
}

class WithoutARule : public testing::TestWithParam<Without> {};

TEST_P(WithoutARule, ThereIsTrouble) {
  constexpr std::uint64_t kWorlds = 400;
  const Without& without = GetParam();
  Outcome outcome = run_worlds(
      {.seed = without.seed, .off = {without.rule}, .only_locks = without.trouble == Trouble::phone_locked},
      kWorlds * kStepsOfAWorld);
  EXPECT_EQ(outcome.trouble, without.trouble) << "nothing needs this rule";
}

INSTANTIATE_TEST_SUITE_P(Of, WithoutARule,
                         testing::Values(Without{Rule::whole, Trouble::belief_wrong, 4},
                                         Without{Rule::vouched, Trouble::belief_wrong, 2},
                                         Without{Rule::vouched_after, Trouble::belief_wrong, 35},
                                         Without{Rule::delivered, Trouble::belief_wrong, 35},
                                         Without{Rule::act, Trouble::belief_wrong, 2},
                                         Without{Rule::address, Trouble::belief_wrong, 1450},
                                         Without{Rule::anonymous, Trouble::belief_wrong, 307},
                                         Without{Rule::in_order, Trouble::belief_wrong, 50},
                                         Without{Rule::unrecorded, Trouble::belief_wrong, 1},
                                         Without{Rule::first_heard, Trouble::belief_wrong, 17},
                                         Without{Rule::unkept, Trouble::belief_wrong, 1},
                                         Without{Rule::forgotten, Trouble::belief_wrong, 4},
                                         Without{Rule::guard_tvs, Trouble::phone_locked, 2},
                                         Without{Rule::guard_tftp, Trouble::phone_locked, 4},
                                         Without{Rule::guard_host, Trouble::phone_locked, 42},
                                         Without{Rule::guard_mode, Trouble::phone_locked, 49},
                                         Without{Rule::guard_rollback, Trouble::phone_locked, 2},
                                         Without{Rule::guard_restore, Trouble::phone_locked, 2}),
                         name_of);

}  // namespace
}  // namespace anchord::trust::world
