#include "anchord/service/guess_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace anchord::service {
namespace {

using Asked = GuessGuard::Asked;
using Verdict = GuessGuard::Verdict;
constexpr Millis kNow = 1'000'000;
constexpr unsigned kUnknownDevices = 50;
constexpr unsigned kPhones = kUnknownDevices * GuessGuard::kPhonesForEach;

io::Host host(const char* text) {
  return io::parse_host(text).value();
}

io::Host numbered_host(unsigned number) {
  io::Host out = host("10.0.0.0");
  for (unsigned i = 0; i < 3; ++i) out.bytes[15 - i] = static_cast<std::uint8_t>(number >> 8 * i);
  return out;
}

std::string device(unsigned number) {
  std::string digits = std::to_string(number);
  return "SEP" + std::string(12 - digits.size(), '0') + digits;
}

class GuessGuardTest : public testing::Test {
 protected:
  Verdict ask(unsigned number, bool exists = false, const char* from = "192.0.2.1") {
    return guard_.judge(host(from), device(number), exists, Asked::configuration, now_);
  }
  Verdict boot(unsigned number, bool exists = false, const char* from = "192.0.2.1") {
    guard_.list_given(host(from), device(number));
    return ask(number, exists, from);
  }
  // All that a source without lists may ask for.
  void be_caught(const char* from = "192.0.2.1", unsigned first = 900'000) {
    for (unsigned i = 0; i < kUnknownDevices; ++i) ASSERT_EQ(ask(first + i, false, from), Verdict::answer);
    ASSERT_EQ(ask(first + kUnknownDevices, false, from), Verdict::caught);
  }

  GuessGuard guard_{kUnknownDevices, 11};
  Millis now_ = kNow;
};

TEST_F(GuessGuardTest, ManyAreCaughtOnceAndThenSlowedDown) {
  unsigned answers = 0;
  unsigned caught = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    Verdict verdict = ask(i);
    answers += verdict == Verdict::answer ? 1 : 0;
    caught += verdict == Verdict::caught ? 1 : 0;
  }
  EXPECT_EQ(answers, kUnknownDevices);
  EXPECT_EQ(caught, 1u);
}

TEST_F(GuessGuardTest, WhatWasToldIsToldAgain) {
  for (int round = 0; round < 100; ++round)
    for (unsigned i = 0; i < kUnknownDevices; ++i) ASSERT_EQ(ask(i), Verdict::answer);
  EXPECT_EQ(ask(kUnknownDevices), Verdict::caught);
  EXPECT_EQ(ask(0), Verdict::answer);
  EXPECT_EQ(guard_.judge(host("192.0.2.1"), "sep000000000001", false, Asked::configuration, now_),
            Verdict::answer);
}

TEST_F(GuessGuardTest, ExistingOnesAreRefusedAlike) {
  EXPECT_EQ(ask(500, true), Verdict::answer);
  be_caught();
  for (unsigned i = 500; i < 1000; ++i) ASSERT_EQ(ask(i, i % 2 == 0), Verdict::throttle) << i;
  // The same after a told one got a configuration.
  EXPECT_EQ(ask(900'000, true), Verdict::throttle);
}

TEST_F(GuessGuardTest, ATokenComesBack) {
  be_caught();
  now_ += GuessGuard::kPerUnknownDevice - 1;
  EXPECT_EQ(ask(1), Verdict::throttle);
  now_ += 1;
  EXPECT_EQ(ask(2, true), Verdict::answer);  // takes none
  EXPECT_EQ(ask(3), Verdict::answer);
  EXPECT_EQ(ask(4), Verdict::throttle);
}

TEST_F(GuessGuardTest, WhoComesAgainGoesBeforeNewNames) {
  be_caught();
  for (unsigned i = 0; i < GuessGuard::kReserve + 4; ++i) ASSERT_EQ(ask(i), Verdict::throttle);
  // The reserve is for them, and while they take it nothing is left for others.
  for (unsigned i = 0; i < GuessGuard::kReserve; ++i) ASSERT_EQ(ask(i), Verdict::answer);
  EXPECT_EQ(ask(GuessGuard::kReserve), Verdict::throttle);
  now_ += GuessGuard::kPerUnknownDevice;
  for (unsigned i = 100; i < 200; ++i) ASSERT_EQ(ask(i, i % 2 == 0), Verdict::throttle);
  EXPECT_EQ(ask(GuessGuard::kReserve), Verdict::answer);
}

TEST_F(GuessGuardTest, PhonesThatFetchTheirListAreMore) {
  be_caught();
  for (unsigned i = 0; i < kPhones; ++i) ASSERT_EQ(boot(i), Verdict::answer) << i;
  EXPECT_EQ(boot(kPhones), Verdict::throttle);
  EXPECT_EQ(boot(kPhones + 1, true), Verdict::throttle);
  now_ += GuessGuard::kPerPhone;
  EXPECT_EQ(ask(500'000), Verdict::throttle);
  EXPECT_EQ(boot(kPhones + 2, true), Verdict::answer);
  EXPECT_EQ(boot(kPhones + 3), Verdict::answer);
  EXPECT_EQ(boot(kPhones + 4), Verdict::throttle);
}

TEST_F(GuessGuardTest, AnothersListIsNone) {
  be_caught();
  guard_.list_given(host("192.0.2.2"), device(1));
  guard_.list_given(host("192.0.2.1"), device(2));
  EXPECT_EQ(ask(1), Verdict::throttle);
  EXPECT_EQ(ask(3), Verdict::throttle);
  EXPECT_EQ(ask(2), Verdict::answer);
}

// Where some devices have lists of their own, asking for lists is guessing too.
TEST_F(GuessGuardTest, ListsOfTheirOwn) {
  auto ask_list = [&](unsigned number, bool exists = false) {
    return guard_.judge(host("192.0.2.1"), device(number), exists, Asked::list, now_);
  };
  for (unsigned i = 0; i < kPhones; ++i) ASSERT_EQ(ask_list(i), Verdict::answer);
  EXPECT_EQ(ask(0), Verdict::answer);  // the configuration is no second device
  for (unsigned i = 0; i < kUnknownDevices; ++i) ASSERT_EQ(ask_list(kPhones + i), Verdict::answer);
  EXPECT_EQ(ask_list(1000), Verdict::caught);
  EXPECT_EQ(ask_list(1001, true), Verdict::throttle);
}

TEST_F(GuessGuardTest, AClusterOfRealPhonesBehindOneAddressIsNotSlowed) {
  for (unsigned i = 0; i < 10'000; ++i) ASSERT_EQ(ask(i, true), Verdict::answer);
}

TEST_F(GuessGuardTest, QuietSourcesStartAnew) {
  be_caught();
  now_ += GuessGuard::kQuiet + 1;
  for (unsigned i = 0; ask(i) == Verdict::answer; ++i) ASSERT_LE(i, 61u);
  EXPECT_EQ(ask(1000), Verdict::throttle);  // one was reported already
  now_ += GuessGuard::kPerUnknownDevice * (kUnknownDevices + GuessGuard::kReserve);
  be_caught("192.0.2.1", 800'000);
}

TEST_F(GuessGuardTest, SourcesAreJudgedForThemselves) {
  be_caught();
  EXPECT_EQ(ask(1, false, "192.0.2.2"), Verdict::answer);
  be_caught("2001:db8::1");
  EXPECT_EQ(ask(1, false, "2001:db8::ffff"), Verdict::throttle);  // the same /64
  EXPECT_EQ(ask(1, false, "2001:db8:0:1::1"), Verdict::answer);
}

// Whose requests cost a packet each may be forged.
TEST_F(GuessGuardTest, ManySourcesDoNotMakeItForgetAGuesser) {
  be_caught();
  for (unsigned i = 0; i < 20 * GuessGuard::kMaxSources; ++i)
    ASSERT_EQ(guard_.judge(numbered_host(i), device(1), false, Asked::configuration, now_), Verdict::answer);
  EXPECT_EQ(ask(1), Verdict::throttle);
}

TEST_F(GuessGuardTest, AFloodLeavesMostOfWhatPhonesWereTold) {
  for (unsigned i = 0; i < kPhones; ++i) ASSERT_EQ(boot(i), Verdict::answer);
  be_caught();
  for (unsigned i = 0; i < 3 * GuessGuard::kMaxNames / 2; ++i)
    guard_.list_given(numbered_host(i % 1000), device(1'000'000 + i));
  unsigned remembered = 0;
  for (unsigned i = 0; i < kPhones; ++i) remembered += ask(i) == Verdict::answer ? 1 : 0;
  EXPECT_GE(remembered, kPhones * 3 / 4);
  // New phones are remembered for as long as they need.
  now_ += GuessGuard::kPerPhone;
  EXPECT_EQ(boot(500'000), Verdict::answer);
}

// As shards do.
TEST_F(GuessGuardTest, SeveralThreadsAtOnce) {
  constexpr unsigned kThreads = 4;
  std::atomic<unsigned> answers = 0;
  std::atomic<unsigned> caught = 0;
  ASSERT_EQ(ask(0), Verdict::answer);
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 2000; ++i) {
        Verdict verdict = boot(1 + i * kThreads + t);
        answers += verdict == Verdict::answer ? 1 : 0;
        caught += verdict == Verdict::caught ? 1 : 0;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(answers, kPhones + kUnknownDevices - 1);
  EXPECT_EQ(caught, 1u);
}

TEST(GuessGuard, ZeroIsNoLimit) {
  GuessGuard guard(0, 11);
  guard.list_given(host("192.0.2.1"), device(1));
  for (unsigned i = 0; i < 10'000; ++i) {
    ASSERT_EQ(guard.judge(host("192.0.2.1"), device(i), false, Asked::configuration, kNow), Verdict::answer);
  }
}

}  // namespace
}  // namespace anchord::service
