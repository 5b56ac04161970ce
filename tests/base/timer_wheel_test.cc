#include "anchord/base/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace anchord {
namespace {

TEST(TimerWheel, FiresAtOrAfterTheDeadlineAndOnce) {
  TimerWheel wheel(4, 1000);
  wheel.arm(2, 1500);
  std::vector<std::pair<std::uint32_t, Millis>> fired;
  for (Millis now = 1000; now < 20'000; ++now)
    wheel.advance(now, [&](std::uint32_t id) { fired.push_back({id, now}); });
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].first, 2u);
  EXPECT_GE(fired[0].second, 1500u);
  EXPECT_LT(fired[0].second, 1500u + TimerWheel::kGranularity);
  EXPECT_FALSE(wheel.armed(2));
  EXPECT_EQ(wheel.next_wake(), kNever);
}

TEST(TimerWheel, DeadlinesBeyondARevolutionWaitTheirTime) {
  TimerWheel wheel(1, 0);
  wheel.arm(0, 100'000);
  Millis fired = 0;
  for (Millis now = 0; now < 200'000 && fired == 0; now += 3)
    wheel.advance(now, [&](std::uint32_t) { fired = now; });
  EXPECT_GE(fired, 100'000u);
  EXPECT_LE(fired, 100'000u + TimerWheel::kGranularity + 3);
}

TEST(TimerWheel, WakingWhenToldIsEnough) {
  TimerWheel wheel(1, 5);
  wheel.arm(0, 50'000);
  Millis now = 5;
  unsigned wakes = 0;
  Millis fired = 0;
  while (fired == 0 && wakes < 100) {
    Millis wake = wheel.next_wake();
    ASSERT_NE(wake, kNever);
    ASSERT_GT(wake, now);
    now = wake;
    ++wakes;
    wheel.advance(now, [&](std::uint32_t) { fired = now; });
  }
  EXPECT_GE(fired, 50'000u);
  EXPECT_LE(wakes, 10u);
}

// Against a map, with random arming, moving and cancelling, also while firing.
TEST(TimerWheel, AgreesWithAMap) {
  std::mt19937 random(7);
  constexpr std::uint32_t kIds = 50;
  Millis now = 12'345;
  TimerWheel wheel(kIds, now);
  std::map<std::uint32_t, Millis> right;
  for (int step = 0; step < 20'000; ++step) {
    std::uint32_t id = random() % kIds;
    if (random() % 4 == 0) {
      wheel.cancel(id);
      right.erase(id);
    } else {
      right[id] = now + random() % (random() % 5 == 0 ? 40'000 : 300);
      wheel.arm(id, right[id]);
    }
    now += random() % 20;
    if (random() % 200 == 0) now += 30'000;
    wheel.advance(now, [&](std::uint32_t due) {
      ASSERT_TRUE(right.contains(due));
      ASSERT_LE(right[due], now);
      right.erase(due);
      if (random() % 3 == 0) {
        right[due] = now + random() % 500;
        wheel.arm(due, right[due]);
      }
    });
    for (auto& [left, deadline] : right) {
      ASSERT_TRUE(wheel.armed(left));
      ASSERT_GT(deadline + TimerWheel::kGranularity, now);
    }
    Millis wake = wheel.next_wake();
    if (right.empty()) {
      ASSERT_EQ(wake, kNever);
    } else {
      ASSERT_GT(wake, now);
    }
  }
}

}  // namespace
}  // namespace anchord
