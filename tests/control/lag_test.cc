#include "snapshot/lag.h"

#include <gtest/gtest.h>

namespace anchord::control {
namespace {

using Cause = Lag::Cause;

constexpr UnixSeconds kClock = 1'700'000'000;

TEST(Lag, WhatTakesAMomentIsNotSpokenOf) {
  Lag lag;
  EXPECT_FALSE(lag.look(Cause::none, "", 100, kClock));
  EXPECT_FALSE(lag.look(Cause::files, "signing", 1'000, kClock));
  EXPECT_FALSE(lag.look(Cause::files, "signing", 1'000 + Lag::kMoment - 1, kClock + 1));
  EXPECT_EQ(lag.problem(), "");
  EXPECT_FALSE(lag.since());
  EXPECT_FALSE(lag.look(Cause::none, "", 3'000, kClock + 2));
  EXPECT_FALSE(lag.look(Cause::files, "signing", 3'001, kClock + 2));
  EXPECT_EQ(lag.problem(), "");
}

TEST(Lag, SaysWhySinceWhenAndOnce) {
  Lag lag;
  EXPECT_FALSE(lag.look(Cause::files, "signing 1 of 3", 1'000, kClock));
  const auto line = lag.look(Cause::files, "signing 2 of 3", 1'000 + Lag::kMoment, kClock + 2);
  EXPECT_EQ(line, "what is in service is behind what is stored: signing 2 of 3");
  EXPECT_EQ(lag.problem(), "signing 2 of 3");
  EXPECT_EQ(lag.since(), kClock);
  EXPECT_FALSE(lag.look(Cause::files, "signing 3 of 3", 8'000, kClock + 7));
  EXPECT_EQ(lag.problem(), "signing 3 of 3");
  // Another cause is another line, of the same lag.
  EXPECT_TRUE(lag.look(Cause::shard, "shard 0", 9'000, kClock + 8));
  EXPECT_EQ(lag.since(), kClock);
  EXPECT_FALSE(lag.look(Cause::none, "", 10'000, kClock + 9));
  EXPECT_EQ(lag.problem(), "");
  EXPECT_FALSE(lag.since());
  EXPECT_FALSE(lag.look(Cause::shard, "shard 0", 20'000, kClock + 19));
  EXPECT_TRUE(lag.look(Cause::shard, "shard 0", 30'000, kClock + 29));
  EXPECT_EQ(lag.since(), kClock + 19);
}

// Whoever met them has written them to the log.
TEST(Lag, FailuresAreSpokenOfAtOnce) {
  Lag lag;
  EXPECT_FALSE(lag.look(Cause::refused, "no key", 1'000, kClock));
  EXPECT_EQ(lag.problem(), "no key");
  EXPECT_EQ(lag.since(), kClock);
}

}  // namespace
}  // namespace anchord::control
