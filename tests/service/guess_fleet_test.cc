// Fleets of phones that are not set up, and guessers, behind one address: how long the ones take
// and what the others learn, in simulated time. docs/guides/provisioning.md has the numbers.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "anchord/service/guess_guard.h"

namespace anchord::service {
namespace {

constexpr Millis kFleetStart = 1'000'000;
constexpr Millis kMinute = 60'000;
constexpr Millis kHour = 60 * kMinute;
constexpr unsigned kFleetUnknownDevices = 256;  // the default

// Everything happens behind one address.
class PhoneFleet {
 public:
  // Phones that are all switched on within a minute, and ask again after 15 to 45 s when they are refused.
  void add_phones(unsigned count, bool fetch_lists = true) {
    for (unsigned i = 0; i < count; ++i)
      at(now_ + random_() % kMinute, [this, mac = ++macs_, fetch_lists] { boot(mac, fetch_lists); });
    phones_ += count;
  }

  // One that tries 5 new names a second, each `tries` times in a row when it is refused.
  void add_guesser(bool plays_boots, unsigned tries = 1) {
    at(now_, [this, plays_boots, tries] { guess(plays_boots, tries); });
  }

  void run_for(Millis time) {
    const Millis end = now_ + time;
    while (next(end)) {
    }
    now_ = end;
  }

  // Until all phones are, at most for this long.
  void run_until_fine(Millis most) {
    const Millis end = now_ + most;
    while (fine_ < phones_ && next(end)) {
    }
  }

  unsigned fine() const { return fine_; }
  unsigned at_once() const { return at_once_; }  // of these, not refused before
  unsigned learnt() const { return learnt_; }
  Millis minutes() const { return (now_ - kFleetStart + kMinute - 1) / kMinute; }

 private:
  void at(Millis when, std::function<void()> what) { events_.emplace(when, std::move(what)); }

  bool next(Millis end) {
    if (events_.empty() || events_.begin()->first > end) return false;
    auto event = events_.extract(events_.begin());
    now_ = event.key();
    event.mapped()();
    return true;
  }

  bool ask(std::uint64_t mac, bool fetches_list) {
    const std::string name = fmt::format("SEP{:012X}", mac);
    if (fetches_list) guard_.list_given(address_, name);
    return guard_.judge(address_, name, false, GuessGuard::Asked::configuration, now_) ==
           GuessGuard::Verdict::answer;
  }

  void boot(std::uint64_t mac, bool fetches_list, bool again = false) {
    if (ask(mac, fetches_list)) {
      ++fine_;
      at_once_ += again ? 0 : 1;
      return;
    }
    at(now_ + 15'000 + random_() % 30'000, [this, mac, fetches_list] { boot(mac, fetches_list, true); });
  }

  void guess(bool plays_boots, unsigned tries) {
    const std::uint64_t mac = 0xA000'0000'0000 + ++guesses_;
    for (unsigned i = 0; i < tries; ++i) {
      if (!ask(mac, plays_boots)) continue;
      ++learnt_;
      break;
    }
    at(now_ + 200, [this, plays_boots, tries] { guess(plays_boots, tries); });
  }

  GuessGuard guard_{kFleetUnknownDevices, 7};
  io::Host address_ = io::parse_host("192.0.2.1").value();
  std::minstd_rand random_{1};
  std::multimap<Millis, std::function<void()>> events_;
  Millis now_ = kFleetStart;
  std::uint64_t macs_ = 0x1122'0000'0000;
  std::uint64_t guesses_ = 0;
  unsigned phones_ = 0;
  unsigned fine_ = 0;
  unsigned at_once_ = 0;
  unsigned learnt_ = 0;
};

TEST(GuessFleet, AThousandPhonesAreFineAtOnce) {
  for (unsigned phones : {300u, 600u, 1024u}) {
    PhoneFleet fleet;
    fleet.add_phones(phones);
    fleet.run_until_fine(kHour);
    EXPECT_EQ(fleet.at_once(), phones);
  }
}

TEST(GuessFleet, FiveThousandAreFineWithinTheHour) {
  PhoneFleet fleet;
  fleet.add_phones(5000);
  fleet.run_until_fine(3 * kHour);
  EXPECT_EQ(fleet.fine(), 5000u);
  EXPECT_GE(fleet.at_once(), 1024u);
  EXPECT_LE(fleet.minutes(), 60u);
}

TEST(GuessFleet, PhonesWithoutListsTakeLonger) {
  PhoneFleet fleet;
  fleet.add_phones(600, false);
  fleet.run_until_fine(3 * kHour);
  EXPECT_EQ(fleet.fine(), 600u);
  EXPECT_GE(fleet.at_once(), kFleetUnknownDevices);
  EXPECT_LE(fleet.minutes(), 60u);
}

TEST(GuessFleet, WhatAGuesserLearns) {
  const unsigned unknown = 3600 / (GuessGuard::kPerUnknownDevice / 1000);
  const unsigned both = unknown + 3600 / (GuessGuard::kPerPhone / 1000);
  for (unsigned tries : {1u, 2u}) {
    const unsigned reserve = tries == 1 ? 0 : GuessGuard::kReserve;
    PhoneFleet fleet;
    fleet.add_guesser(false, tries);
    fleet.run_for(kHour);
    EXPECT_NEAR(fleet.learnt(), kFleetUnknownDevices + unknown + reserve, 2);  // 616 or 632
    const unsigned first = fleet.learnt();
    fleet.run_for(kHour);
    EXPECT_NEAR(fleet.learnt() - first, unknown, 2);  // 360
  }
  for (unsigned tries : {1u, 2u}) {
    const unsigned reserve = tries == 1 ? 0 : 2 * GuessGuard::kReserve;
    PhoneFleet fleet;
    fleet.add_guesser(true, tries);
    fleet.run_for(kHour);
    EXPECT_LE(fleet.learnt(), 5 * kFleetUnknownDevices + both + reserve + 4);  // 5240 or 5272
    EXPECT_GE(fleet.learnt(),
              5 * kFleetUnknownDevices + both - 40);  // one bucket fills up while he empties the other
    const unsigned first = fleet.learnt();
    fleet.run_for(kHour);
    EXPECT_NEAR(fleet.learnt() - first, both, 4);  // 3960
  }
}

TEST(GuessFleet, AGuesserBesidePhonesDoesNotTakeTheirTurn) {
  for (unsigned tries : {1u, 2u}) {
    PhoneFleet fleet;
    fleet.add_guesser(false, tries);
    fleet.run_for(10 * kMinute);
    fleet.add_phones(600);
    fleet.run_until_fine(kHour);
    EXPECT_EQ(fleet.at_once(), 600u);
  }
}

// As fast as tokens come: phones ask again, and his names are always new.
TEST(GuessFleet, NorDoesOneThatPlaysBoots) {
  PhoneFleet fleet;
  fleet.add_guesser(true);
  fleet.run_for(10 * kMinute);
  const unsigned before = fleet.learnt();
  fleet.add_phones(600);
  fleet.run_until_fine(kHour);
  EXPECT_EQ(fleet.fine(), 600u);
  EXPECT_LE(fleet.minutes(), 10 + 12u);
  EXPECT_LE(fleet.learnt() - before, 60u);
}

}  // namespace
}  // namespace anchord::service
