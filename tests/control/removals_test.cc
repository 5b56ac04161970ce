#include "removals.h"

#include <gtest/gtest.h>

#include <string>

namespace anchord::control {
namespace {

constexpr Millis kHold = 60'000;
constexpr Millis kGathered = Removals::kGather;

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

TEST(Removals, AFewGoAsSoonAsOthersCouldHaveFollowed) {
  Folder folder(1000);
  EXPECT_EQ(folder.removals.next_look(), kNever);
  folder.lose(20);
  EXPECT_EQ(folder.due(), 0u);
  EXPECT_EQ(folder.removals.next_look(), folder.now + kGathered);
  EXPECT_EQ(folder.due(kGathered), 20u);
  EXPECT_EQ(folder.removals.next_look(), kNever);
}

TEST(Removals, ManyAreHeld) {
  Folder folder(210);
  folder.lose(22);
  EXPECT_EQ(folder.due(kGathered), 0u);
  EXPECT_EQ(folder.removals.held(), 22u);
  EXPECT_EQ(folder.removals.held_until(), folder.now + kHold);
  EXPECT_EQ(folder.removals.next_look(), folder.now + kHold);
  folder.lose(10);  // they join those
  EXPECT_EQ(folder.due(kHold - 1), 0u);
  EXPECT_EQ(folder.due(1), 32u);
  EXPECT_EQ(folder.removals.held(), 0u);
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
    EXPECT_EQ(folder.due(kGathered), held ? 0u : lost) << files << " " << lost;
  }
}

TEST(Removals, OneAfterTheOtherIsAsManyAsAtOnce) {
  Folder folder(100);
  for (int i = 0; i < 2; ++i) {
    folder.lose(10);
    EXPECT_EQ(folder.due(kGathered), 10u);
  }
  folder.lose(1);
  EXPECT_EQ(folder.due(kGathered), 0u);
  EXPECT_EQ(folder.removals.held(), 1u);
  // Not for ever: in a minute those before are forgotten.
  Folder slow(100);
  for (int i = 0; i < 5; ++i) {
    slow.lose(10);
    EXPECT_EQ(slow.due(kHold), 10u);
  }
}

TEST(Removals, WhatIsBackIsNotRemoved) {
  Folder folder(100);
  folder.lose(30);
  EXPECT_EQ(folder.due(kGathered), 0u);
  for (int i = 0; i < 25; ++i) folder.removals.back("f" + std::to_string(i));
  EXPECT_FALSE(folder.removals.waits("f0"));
  EXPECT_TRUE(folder.removals.waits("f25"));
  EXPECT_EQ(folder.due(1), 5u);  // few enough now
  folder.lose(30);
  EXPECT_EQ(folder.due(kGathered), 0u);
  for (int i = 30; i < 60; ++i) folder.removals.back("f" + std::to_string(i));
  EXPECT_EQ(folder.due(1), 0u);
  EXPECT_EQ(folder.removals.held(), 0u);
}

TEST(Removals, WhatIsConfirmedGoesAndCountsNoMore) {
  Folder folder(100);
  folder.lose(60);
  EXPECT_EQ(folder.due(kGathered), 0u);
  folder.removals.confirm();
  EXPECT_EQ(folder.due(), 60u);
  folder.lose(20);
  EXPECT_EQ(folder.due(kGathered), 20u);
  folder.removals.confirm();  // with nothing there it confirms nothing to come
  EXPECT_EQ(folder.due(), 0u);
  folder.lose(20);
  EXPECT_EQ(folder.due(kGathered), 0u);
}

TEST(Removals, WithoutATimeNothingIsHeld) {
  Folder folder(100, 0);
  folder.lose(100);
  EXPECT_EQ(folder.removals.next_look(), folder.now);
  EXPECT_EQ(folder.due(), 100u);
}

}  // namespace
}  // namespace anchord::control
