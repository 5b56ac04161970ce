#include "provisioning/removals.h"

#include <gtest/gtest.h>

#include <string>

namespace anchord::control {
namespace {

constexpr Millis kHold = 60'000;
constexpr Millis kSettle = Removals::kSettle;
// After which any number of files that went at once is judged.
constexpr Millis kSettled = Removals::kSettleMost;

class Folder {
 public:
  explicit Folder(std::size_t files, Millis hold = kHold) : served_(files), removals(hold) {}

  void lose(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) removals.missing("f" + std::to_string(lost_++), now);
  }
  std::size_t due(Millis later = 0) {
    now += later;
    const std::size_t gone = removals.due(served_, now).size();
    served_ -= gone;
    return gone;
  }

  std::size_t served_;
  std::size_t lost_ = 0;
  Millis now = 1000;
  Removals removals;
};

TEST(Removals, OneGoesSoon) {
  Folder folder(1000);
  EXPECT_EQ(folder.removals.next_look(folder.now), kNever);
  folder.lose(1);
  EXPECT_EQ(folder.due(), 0u);
  EXPECT_EQ(folder.removals.next_look(folder.now), folder.now + kSettle);
  EXPECT_EQ(folder.due(kSettle - 1), 0u);
  EXPECT_EQ(folder.due(1), 1u);
  EXPECT_EQ(folder.removals.next_look(folder.now), kNever);
}

TEST(Removals, AFewGoWhenNoMoreFollow) {
  Folder folder(1000);
  for (int i = 0; i < 5; ++i) {
    folder.lose(1);
    EXPECT_EQ(folder.due(kSettle - 1), 0u) << i;
  }
  EXPECT_EQ(folder.removals.held(), 0u);
  EXPECT_EQ(folder.due(4 * Removals::kSettleForEach), 0u);
  EXPECT_EQ(folder.due(1), 5u);
}

TEST(Removals, ManyAreHeld) {
  Folder folder(210);
  folder.lose(22);
  EXPECT_EQ(folder.due(), 0u);
  EXPECT_EQ(folder.removals.held(), 22u);
  EXPECT_EQ(folder.removals.held_until(), folder.now + kHold);
  EXPECT_FALSE(folder.removals.is_settled(folder.now));
  EXPECT_EQ(folder.removals.next_look(folder.now), folder.now + kSettle);  // to say how many it was
  EXPECT_EQ(folder.removals.next_look(folder.now + kSettle), folder.now + kHold);
  // They join those, and all wait for as long.
  EXPECT_EQ(folder.due(kHold - 1), 0u);
  folder.lose(10);
  EXPECT_EQ(folder.due(kHold - 1), 0u);
  EXPECT_EQ(folder.removals.held(), 32u);
  EXPECT_EQ(folder.due(1), 32u);
  EXPECT_EQ(folder.removals.held(), 0u);
}

TEST(Removals, NotForEverThoughMoreAndMoreGo) {
  Folder folder(100'000);
  folder.lose(20'000);
  EXPECT_EQ(folder.due(), 0u);
  Millis held = 0;
  for (; folder.removals.held() > 0; held += kHold / 2) {
    folder.lose(1);
    folder.due(kHold / 2);
  }
  EXPECT_EQ(held, Removals::kHeldMost * kHold);
}

TEST(Removals, ManyIsMoreThanTwentyAndMoreThanATenth) {
  for (auto [files, lost, held] : {std::tuple(20u, 20u, false),
                                   {21u, 21u, true},
                                   {209u, 21u, true},
                                   {210u, 21u, false},
                                   {4900u, 490u, false},
                                   {4900u, 491u, true}}) {
    Folder folder(files);
    folder.lose(lost);
    EXPECT_EQ(folder.due(kSettled), held ? 0u : lost) << files << " " << lost;
  }
}

// Whatever the pace, what has gone before there were many is held with all others.
TEST(Removals, OneAfterTheOtherIsAsManyAsAtOnce) {
  for (Millis pace : {Millis{1}, Millis{50}, Millis{500}, kSettle - 1}) {
    Folder folder(904);
    for (int i = 0; i < 904; ++i) {
      folder.lose(1);
      EXPECT_EQ(folder.due(pace), 0u) << pace << " " << i;
      const std::size_t lost = static_cast<std::size_t>(i) + 1;
      EXPECT_EQ(folder.removals.held(), lost > 90 ? lost : 0u);
      if (folder.now - 1000 > Removals::kHeldMost * kHold / 2) break;
    }
  }
  // Slower ones lose a few, each of which takes longer than the one before.
  for (Millis pace : {Millis{2'500}, Millis{3'000}}) {
    Folder folder(904);
    std::size_t gone = 0;
    for (int i = 0; i < 150; ++i) {
      folder.lose(1);
      gone += folder.due(pace);
    }
    EXPECT_GT(folder.removals.held(), 140u) << pace;
    EXPECT_LT(gone, 5u) << pace;
  }
}

TEST(Removals, WhoeverRemovesAFewOfManyForLongIsNotHeldUpForEver) {
  Folder folder(50'000);
  std::size_t gone = 0;
  for (int i = 0; i < 1000; ++i) {
    folder.lose(1);
    gone += folder.due(1'000);
  }
  EXPECT_EQ(gone, 1000 - Removals::kLately * kHold / 1000 + 1);
  EXPECT_EQ(folder.removals.held(), 0u);
}

TEST(Removals, WhatWentLatelyIsForgotten) {
  Folder folder(100);
  for (int i = 0; i < 5; ++i) {
    folder.lose(10);
    EXPECT_EQ(folder.due(kSettled), 10u);
    folder.now += Removals::kLately * kHold;
  }
  Folder fast(100);
  for (int i = 0; i < 2; ++i) {
    fast.lose(10);
    EXPECT_EQ(fast.due(kSettled), 10u);
  }
  fast.lose(1);
  EXPECT_EQ(fast.due(kSettled), 0u);
  EXPECT_EQ(fast.removals.held(), 1u);
}

TEST(Removals, WhatIsBackIsNotRemoved) {
  Folder folder(100);
  folder.lose(30);
  EXPECT_EQ(folder.due(), 0u);
  for (int i = 0; i < 25; ++i) folder.removals.back("f" + std::to_string(i));
  EXPECT_FALSE(folder.removals.waits("f0"));
  EXPECT_TRUE(folder.removals.waits("f25"));
  EXPECT_EQ(folder.due(kSettled), 5u);  // few enough now
  folder.now += Removals::kLately * kHold;
  folder.lose(30);
  EXPECT_EQ(folder.due(), 0u);
  for (int i = 30; i < 60; ++i) folder.removals.back("f" + std::to_string(i));
  EXPECT_EQ(folder.due(1), 0u);
  EXPECT_EQ(folder.removals.held(), 0u);
}

// Looks at everything miss it again and again.
TEST(Removals, WhatIsMissedAlreadyIsNoNews) {
  Folder folder(100);
  folder.lose(1);
  EXPECT_EQ(folder.due(kSettle - 1), 0u);
  folder.removals.missing("f0", folder.now);
  EXPECT_EQ(folder.due(1), 1u);
}

TEST(Removals, WhatIsConfirmedGoesAndCountsNoMore) {
  Folder folder(100);
  folder.lose(60);
  EXPECT_EQ(folder.due(), 0u);
  folder.removals.confirm();
  EXPECT_EQ(folder.due(), 60u);
  folder.lose(20);
  folder.removals.confirm();  // though they are not held yet
  EXPECT_EQ(folder.due(), 20u);
  folder.removals.confirm();  // with nothing there it confirms nothing to come
  EXPECT_EQ(folder.due(), 0u);
  folder.served_ = 100;
  folder.lose(25);
  EXPECT_EQ(folder.due(kSettled), 0u);
}

TEST(Removals, AShortTimeIsTheMostThatAnyWaits) {
  Folder folder(1000, 500);
  folder.lose(20);
  EXPECT_EQ(folder.due(499), 0u);
  EXPECT_EQ(folder.due(1), 20u);
}

TEST(Removals, WithoutATimeNothingIsHeld) {
  Folder folder(100, 0);
  folder.lose(100);
  EXPECT_LE(folder.removals.next_look(folder.now), folder.now);
  EXPECT_EQ(folder.due(), 100u);
}

}  // namespace
}  // namespace anchord::control
