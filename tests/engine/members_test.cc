// Debian's etcd with members that die, stop and come back: nothing that was told as made is lost, and a watch
// misses nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <thread>

#include "etcd_process.h"
#include "time_bound.h"

namespace anchord::engine::test {
namespace {

class Members : public testing::TestWithParam<std::size_t> {
 protected:
  Members() : etcd_(GetParam()) { etcd_.wait_for_all(); }

  // An engine whose tries end soon, so that a member that is stopped is left.
  std::unique_ptr<Engine> open() {
    EtcdSettings settings = etcd_.settings();
    settings.whole_time = time_bound();
    return open_etcd(settings).value();
  }

  // Adds one to a counter, by comparing, and settles what is not known by asking.
  void count_up(Engine& engine, int value) {
    const Millis until = monotonic_now() + time_bound();
    const KeyRange key = KeyRange::one("n");
    while (monotonic_now() < until) {
      auto now = engine.range({.keys = key});
      if (!now) continue;
      const Revision modified = now->values.empty() ? 0 : now->values[0].modified;
      if (modified != 0 && now->values[0].value == std::to_string(value))
        return;  // the one that was not answered
      auto made = engine.txn(
          {.compares = {Compare::unchanged("n", modified)}, .then = {Put{"n", std::to_string(value)}}});
      if (made && made->succeeded) return;
      if (!made) {
        EXPECT_TRUE(made.error().problem == Problem::unknown || made.error().problem == Problem::out_of_reach)
            << made.error().text;
      }
    }
    FAIL() << "the members do not serve";
  }

  // Each value once and in order, as one watch from the beginning has it.
  void expect_counted(Watch& watch, int to) {
    int seen = 0;
    const Millis until = monotonic_now() + time_bound();
    while (seen < to && monotonic_now() < until) {
      auto changes = watch.next(500);
      if (!changes) {
        ASSERT_EQ(changes.error().problem, Problem::out_of_reach) << changes.error().text;
        continue;
      }
      for (const Event& event : changes->events) ASSERT_EQ(event.at.value, std::to_string(++seen));
    }
    EXPECT_EQ(seen, to);
  }

  EtcdProcesses etcd_;
};

TEST_P(Members, EachKilledAndBackInTurn) {
  auto engine = open();
  auto watch = engine->watch(KeyRange::one("n"), 1);
  int value = 0;
  for (std::size_t member = 0; member < etcd_.size(); ++member) {
    count_up(*engine, ++value);
    etcd_.kill(member);
    if (etcd_.size() > 1) count_up(*engine, ++value);
    etcd_.start(member);
    count_up(*engine, ++value);
    etcd_.wait_for_all();
  }
  expect_counted(*watch, value);
}

TEST_P(Members, EachStoppedAndOnInTurn) {
  auto engine = open();
  auto watch = engine->watch(KeyRange::one("n"), 1);
  int value = 0;
  for (std::size_t member = 0; member < etcd_.size(); ++member) {
    count_up(*engine, ++value);
    etcd_.pause(member);
    if (etcd_.size() > 1) count_up(*engine, ++value);
    watch->leave_member();  // the one that it is at may be silent
    etcd_.resume(member);
    count_up(*engine, ++value);
    etcd_.wait_for_all();
  }
  expect_counted(*watch, value);
}

TEST_P(Members, WithoutAMajorityNothingIsMade) {
  EtcdSettings hasty = etcd_.settings();
  hasty.try_time = 500;
  hasty.whole_time = 1000;
  auto engine = open_etcd(hasty).value();
  auto steady = open();
  count_up(*steady, 1);
  const std::size_t gone = etcd_.size() / 2 + 1;
  for (std::size_t member = 0; member < gone; ++member) etcd_.kill(member);
  const auto found = engine->range({.keys = KeyRange::one("n")});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().problem, Problem::out_of_reach) << found.error().text;
  const auto made = engine->txn({.then = {Put{"m", "x"}}});
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().problem == Problem::out_of_reach || made.error().problem == Problem::unknown)
      << made.error().text;
  std::size_t silent = 0;
  for (const MemberStatus& member : engine->members()) silent += member.problem.empty() ? 0 : 1;
  EXPECT_EQ(silent, gone);
  for (std::size_t member = 0; member < gone; ++member) etcd_.start(member);
  etcd_.wait_for_all();
  count_up(*steady, 2);
}

std::vector<std::size_t> sizes() {
  return has_etcd() ? std::vector<std::size_t>{1, 3} : std::vector<std::size_t>{};
}
INSTANTIATE_TEST_SUITE_P(Etcd, Members, testing::ValuesIn(sizes()), testing::PrintToStringParamName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Members);

}  // namespace
}  // namespace anchord::engine::test
