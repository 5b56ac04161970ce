#include "guess_guard.h"

#include <gtest/gtest.h>

#include <string>

namespace anchord::service {
namespace {

using Verdict = GuessGuard::Verdict;
constexpr Millis kNow = 1'000'000;

io::Host host(const char* text) {
  return io::parse_host(text).value();
}

std::string device(unsigned number) {
  std::string digits = std::to_string(number);
  return "SEP" + std::string(12 - digits.size(), '0') + digits;
}

class GuessGuardTest : public testing::Test {
 protected:
  Verdict ask(unsigned number, bool exists = false, const char* from = "192.0.2.1") {
    return guard_.judge(host(from), device(number), exists, now_);
  }
  // More devices than are allowed, by a margin: the count is an estimate.
  void be_caught(const char* from = "192.0.2.1") {
    for (unsigned i = 0; i < 100; ++i)
      if (ask(i, false, from) == Verdict::caught) return;
    FAIL() << "was never caught";
  }

  GuessGuard guard_{50, 11};
  Millis now_ = kNow;
};

TEST_F(GuessGuardTest, SomeStrangersAreNormal) {
  for (unsigned i = 0; i < 50; ++i) EXPECT_EQ(ask(i), Verdict::answer);
}

TEST_F(GuessGuardTest, TheSameOnesCountOnce) {
  for (int round = 0; round < 100; ++round)
    for (unsigned i = 0; i < 50; ++i) ASSERT_EQ(ask(i), Verdict::answer);
}

TEST_F(GuessGuardTest, ManyAreCaughtOnceAndThenSlowedDown) {
  unsigned answers = 0;
  unsigned caught = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    Verdict verdict = ask(i);
    answers += verdict == Verdict::answer ? 1 : 0;
    caught += verdict == Verdict::caught ? 1 : 0;
  }
  EXPECT_GE(answers, 50u);
  EXPECT_LE(answers, 56u);
  EXPECT_EQ(caught, 1u);
}

TEST_F(GuessGuardTest, ExistingOnesAreSlowedDownTooForWhoWasCaught) {
  EXPECT_EQ(ask(500, true), Verdict::answer);
  be_caught();
  EXPECT_EQ(ask(500, true), Verdict::slow_down);
  now_ += GuessGuard::kPause;
  EXPECT_EQ(ask(500, true), Verdict::answer);
  EXPECT_EQ(ask(500, true), Verdict::slow_down);
}

TEST_F(GuessGuardTest, AClusterOfRealPhonesBehindOneAddressIsNotSlowed) {
  for (unsigned i = 0; i < 10'000; ++i) ASSERT_EQ(ask(i, true), Verdict::answer);
}

TEST_F(GuessGuardTest, QuietSourcesStartAnew) {
  be_caught();
  now_ += GuessGuard::kMemory;
  EXPECT_EQ(ask(1), Verdict::answer);  // the one answer that is due
  EXPECT_EQ(ask(2), Verdict::slow_down);
  now_ += GuessGuard::kMemory + 1;
  for (unsigned i = 0; i < 50; ++i) EXPECT_EQ(ask(i), Verdict::answer);
}

TEST_F(GuessGuardTest, SourcesAreJudgedForThemselves) {
  be_caught();
  EXPECT_EQ(ask(1, false, "192.0.2.2"), Verdict::answer);
  be_caught("2001:db8::1");
  EXPECT_EQ(ask(1, false, "2001:db8::ffff"), Verdict::slow_down);  // the same /64
  EXPECT_EQ(ask(1, false, "2001:db8:0:1::1"), Verdict::answer);
}

TEST_F(GuessGuardTest, TheOldestSourceIsForgotten) {
  be_caught();
  io::Host other = host("10.0.0.0");
  for (unsigned i = 0; i < GuessGuard::kMaxSources; ++i) {
    EXPECT_EQ(ask(1), Verdict::slow_down) << i;  // keeps itself known
    other.bytes[14] = static_cast<std::uint8_t>(i >> 8);
    other.bytes[15] = static_cast<std::uint8_t>(i);
    guard_.judge(other, device(1), false, now_);
  }
  EXPECT_EQ(ask(1), Verdict::slow_down);
  for (unsigned i = 0; i < GuessGuard::kMaxSources; ++i) {
    other.bytes[13] = 1;
    other.bytes[14] = static_cast<std::uint8_t>(i >> 8);
    other.bytes[15] = static_cast<std::uint8_t>(i);
    guard_.judge(other, device(1), false, now_);
  }
  EXPECT_EQ(ask(1), Verdict::answer);
}

TEST(GuessGuard, ZeroIsNoLimit) {
  GuessGuard guard(0, 11);
  for (unsigned i = 0; i < 10'000; ++i)
    ASSERT_EQ(guard.judge(host("192.0.2.1"), device(i), false, kNow), Verdict::answer);
}

}  // namespace
}  // namespace anchord::service
