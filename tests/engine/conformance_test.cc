// What an engine does, whichever it is: the fake that other modules are tested with, and etcd, where it is
// installed, with one member and with three.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "etcd_process.h"
#include "fake_engine.h"
#include "session.h"
#include "time_bound.h"

namespace anchord::engine::test {
namespace {

class World {
 public:
  virtual ~World() = default;
  virtual std::unique_ptr<Engine> open() = 0;
  virtual void compact(Revision to) = 0;
  virtual void let_pass(std::int64_t seconds) = 0;
  virtual void replace() = 0;  // by another cluster at the same place, where its kind can be
};

class FakeWorld : public World {
 public:
  std::unique_ptr<Engine> open() override { return cluster_.open(); }
  void compact(Revision to) override { cluster_.compact(to); }
  void let_pass(std::int64_t seconds) override { cluster_.let_pass(seconds); }
  void replace() override { cluster_.replace(); }

 private:
  FakeCluster cluster_;
};

class EtcdWorld : public World {
 public:
  explicit EtcdWorld(std::size_t members) : etcd_(members) { etcd_.wait_for_all(); }
  std::unique_ptr<Engine> open() override {
    EtcdSettings settings = etcd_.settings();
    settings.try_time = settings.whole_time = time_bound();
    return open_etcd(settings).value();
  }
  void compact(Revision to) override {
    Session session(std::make_shared<EtcdSettings>(etcd_.settings()));
    const std::string body = "{\"revision\":\"" + std::to_string(to) + "\",\"physical\":true}";
    const auto done = session.ask({"/v3/kv/compaction", body, {}}, monotonic_now() + time_bound());
    ASSERT_TRUE(done) << done.error().text;
  }
  void let_pass(std::int64_t) override {}  // it has a clock of its own
  void replace() override {
    etcd_.replace();
    etcd_.wait_for_all();
  }

 private:
  EtcdProcesses etcd_;
};

struct Kind {
  const char* name;
  std::unique_ptr<World> (*make)();
};

std::vector<Kind> kinds() {
  std::vector<Kind> out{{"Fake", [] { return std::unique_ptr<World>(new FakeWorld); }}};
  if (has_etcd()) {
    out.push_back({"Etcd", [] { return std::unique_ptr<World>(new EtcdWorld(1)); }});
    out.push_back({"ThreeMembers", [] { return std::unique_ptr<World>(new EtcdWorld(3)); }});
  }
  return out;
}

// One world for all tests of a kind, each with a prefix of its own: members take seconds to start. The last
// two tests take from it what others wrote.
class Conformance : public testing::TestWithParam<Kind> {
 public:
  static void TearDownTestSuite() { worlds_.clear(); }

 protected:
  Conformance() {
    std::unique_ptr<World>& world = worlds_[GetParam().name];
    if (world == nullptr) world = GetParam().make();
    world_ = world.get();
    engine_ = world_->open();
    prefix_ = std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + "/";
  }

  World& world() { return *world_; }
  Engine& engine() { return *engine_; }
  std::string key(std::string_view name) const { return prefix_ + std::string(name); }
  KeyRange all() const { return KeyRange::prefix(prefix_); }

  TxnAnswer run(Txn txn) {
    auto out = engine().txn(txn);
    EXPECT_TRUE(out) << out.error().text;
    return out ? *out : TxnAnswer{};
  }
  Revision put(std::string_view name, std::string value = "v", LeaseId lease = 0) {
    return run({.then = {Put{key(name), std::move(value), lease}}}).revision;
  }
  bool holds(Compare compare) { return run({.compares = {std::move(compare)}}).succeeded; }
  RangeAnswer get(Get what) {
    auto out = engine().range(what);
    EXPECT_TRUE(out) << out.error().text;
    return out ? *out : RangeAnswer{};
  }
  Problem refused(Txn txn, std::string_view why) {
    auto out = engine().txn(txn);
    EXPECT_FALSE(out);
    if (out) return Problem::unknown;
    EXPECT_TRUE(out.error().text.contains(why)) << out.error().text;
    EXPECT_FALSE(out.error().text.contains('\n'));
    return out.error().problem;
  }

  // The next events, however they come.
  static std::vector<Event> events(Watch& watch, std::size_t count) {
    std::vector<Event> out;
    const Millis until = monotonic_now() + time_bound();
    while (out.size() < count && monotonic_now() < until) {
      auto changes = watch.next(1000);
      EXPECT_TRUE(changes || changes.error().problem == Problem::out_of_reach) << changes.error().text;
      if (changes) out.insert(out.end(), changes->events.begin(), changes->events.end());
    }
    EXPECT_EQ(out.size(), count);
    out.resize(count);
    return out;
  }
  static Failure failure(Watch& watch) {
    const Millis until = monotonic_now() + time_bound();
    while (monotonic_now() < until) {
      auto changes = watch.next(1000);
      if (!changes && changes.error().problem != Problem::out_of_reach) return changes.error();
    }
    ADD_FAILURE() << "the watch goes on";
    return {};
  }

 private:
  static std::map<std::string, std::unique_ptr<World>> worlds_;
  World* world_ = nullptr;
  std::unique_ptr<Engine> engine_;
  std::string prefix_;
};
std::map<std::string, std::unique_ptr<World>> Conformance::worlds_;

TEST_P(Conformance, KeysAndValuesAreAnyBytes) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const Revision revision = put(bytes, bytes + bytes);
  const RangeAnswer found = get({.keys = KeyRange::one(key(bytes))});
  ASSERT_EQ(found.values.size(), 1U);
  EXPECT_EQ(found.values[0], (KeyValue{key(bytes), bytes + bytes, revision, revision, 0}));
  EXPECT_EQ(found.revision, revision);
  put("empty", "");
  EXPECT_EQ(get({.keys = KeyRange::one(key("empty"))}).values.at(0).value, "");
}

TEST_P(Conformance, AKeyKnowsWhenItWasMadeAndChanged) {
  const Revision made = put("a");
  const Revision changed = put("a", "w");
  EXPECT_EQ(changed, made + 1);
  EXPECT_EQ(get({.keys = all()}).values.at(0), (KeyValue{key("a"), "w", made, changed, 0}));
  run({.then = {Delete{KeyRange::one(key("a"))}}});
  const Revision again = put("a");
  EXPECT_EQ(get({.keys = all()}).values.at(0).created, again);
}

TEST_P(Conformance, ComparesDecide) {
  using Of = Compare::Of;
  using Is = Compare::Is;
  const Revision made = put("a", "1");
  const Revision changed = put("a", "2");
  const auto on = [&](Of of, Is is, Revision revision, std::string value = {}) {
    return holds({KeyRange::one(key("a")), of, is, revision, std::move(value)});
  };
  for (const auto& [of, is_now] : {std::pair(Of::modified, changed), std::pair(Of::created, made)}) {
    EXPECT_TRUE(on(of, Is::equal, is_now));
    EXPECT_FALSE(on(of, Is::equal, is_now + 1));
    EXPECT_TRUE(on(of, Is::different, is_now + 1));
    EXPECT_FALSE(on(of, Is::different, is_now));
    EXPECT_TRUE(on(of, Is::greater, is_now - 1));
    EXPECT_FALSE(on(of, Is::greater, is_now));
    EXPECT_TRUE(on(of, Is::less, is_now + 1));
    EXPECT_FALSE(on(of, Is::less, is_now));
  }
  EXPECT_TRUE(on(Of::value, Is::equal, 0, "2"));
  EXPECT_FALSE(on(Of::value, Is::equal, 0, "1"));
  EXPECT_TRUE(on(Of::value, Is::different, 0, "1"));
  EXPECT_TRUE(on(Of::value, Is::greater, 0, "1"));
  EXPECT_TRUE(on(Of::value, Is::less, 0, "3"));
}

TEST_P(Conformance, AKeyThatIsNotThereHasRevisionsOfZeroAndNoValue) {
  EXPECT_TRUE(holds(Compare::absent(key("a"))));
  EXPECT_TRUE(holds(Compare::unchanged(key("a"), 0)));
  EXPECT_FALSE(holds(Compare::has(key("a"), "")));
  EXPECT_FALSE(holds({KeyRange::one(key("a")), Compare::Of::value, Compare::Is::different, 0, "x"}));
  put("a", "x");
  EXPECT_FALSE(holds(Compare::absent(key("a"))));
  EXPECT_TRUE(holds(Compare::has(key("a"), "x")));
}

TEST_P(Conformance, AComparisonOfARangeIsOfEachKeyInIt) {
  const auto none_after = [&](Revision revision) { return holds(Compare::none_after(all(), revision)); };
  EXPECT_TRUE(none_after(0));  // there are no keys
  const Revision first = put("a");
  const Revision second = put("b");
  EXPECT_TRUE(none_after(second));
  EXPECT_FALSE(none_after(first));
  run({.then = {Delete{KeyRange::one(key("b"))}}});
  EXPECT_TRUE(none_after(first));  // what was deleted is not seen
}

TEST_P(Conformance, ATransactionIsOneRevisionAndAnswersEachOperation) {
  const Revision before = put("gone");
  put("gone2");
  const TxnAnswer made = run({.compares = {Compare::unchanged(key("gone"), before)},
                              .then = {Put{key("a"), "1"}, Get{.keys = KeyRange::one(key("a"))},
                                       Put{key("b"), "2"}, Delete{KeyRange::prefix(key("gone"))}},
                              .otherwise = {Put{key("c"), "3"}}});
  EXPECT_TRUE(made.succeeded);
  ASSERT_EQ(made.answers.size(), 4U);
  EXPECT_EQ(made.answers[1].values.at(0), (KeyValue{key("a"), "1", made.revision, made.revision, 0}));
  EXPECT_EQ(made.answers[1].count, 1U);
  EXPECT_EQ(made.answers[3].count, 2U);
  const RangeAnswer now = get({.keys = all()});
  ASSERT_EQ(now.values.size(), 2U);
  EXPECT_EQ(now.values[0].modified, now.values[1].modified);

  const TxnAnswer other = run({.compares = {Compare::absent(key("a"))},
                               .then = {Put{key("a"), "9"}},
                               .otherwise = {Get{.keys = all()}}});
  EXPECT_FALSE(other.succeeded);
  EXPECT_EQ(other.answers.at(0).values, now.values);
  EXPECT_EQ(other.revision, made.revision);  // nothing was written
}

TEST_P(Conformance, WhatWritesNothingMovesNoRevision) {
  const Revision before = put("a");
  EXPECT_EQ(run({}).revision, before);
  EXPECT_EQ(run({.then = {Get{.keys = all()}}}).revision, before);
  EXPECT_EQ(run({.then = {Delete{KeyRange::one(key("none"))}}}).revision, before);
}

TEST_P(Conformance, RangesAreInOrderAndInParts) {
  for (const char* name : {"c", "a", "b", "a\xff", "d"}) put(name);
  const Revision before = get({.keys = all()}).revision;
  const RangeAnswer part = get({.keys = all(), .limit = 2, .keys_only = true});
  ASSERT_EQ(part.values.size(), 2U);
  EXPECT_TRUE(part.more);
  EXPECT_EQ(part.count, 5U);
  EXPECT_EQ(part.values[0].key, key("a"));
  EXPECT_EQ(part.values[1].key, key("a\xff"));
  EXPECT_EQ(part.values[0].value, "");
  EXPECT_EQ(get({.keys = {key("b"), key("d")}}).count, 2U);

  put("e");
  EXPECT_EQ(get({.keys = all(), .at = before}).count, 5U);
  for (const std::size_t size : {1U, 2U, 3U, 6U, 1000U}) {
    const auto whole = read_all(engine(), all(), size);
    ASSERT_TRUE(whole) << whole.error().text;
    EXPECT_EQ(whole->values.size(), 6U) << size;
    EXPECT_FALSE(whole->more);
  }
}

TEST_P(Conformance, PrefixesOfTheHighestBytes) {
  const std::string high = key("\xff\xff");
  put("\xff\xff");
  put("\xff\xff\xff");
  EXPECT_EQ(get({.keys = KeyRange::prefix(high)}).count, 2U);
  EXPECT_EQ(KeyRange::prefix("\xff").end, std::string(1, '\0'));
  EXPECT_GE(get({.keys = {high, std::string(1, '\0')}}).count, 2U);
}

TEST_P(Conformance, WhatIsTooMuchIsRefused) {
  EXPECT_EQ(refused({.then = {Put{key("a"), "1"}, Put{key("a"), "2"}}}, "duplicate key"), Problem::refused);
  Txn many;
  for (int i = 0; i < 128; ++i) many.then.push_back(Put{key(std::to_string(i)), "x"});
  run(many);
  many.then.push_back(Put{key("one more"), "x"});
  EXPECT_EQ(refused(many, "too many operations"), Problem::refused);
  EXPECT_EQ(refused({.then = {Put{key("a"), std::string(1'600'000, 'x')}}}, "too large"), Problem::refused);
  EXPECT_EQ(refused({.then = {Put{"", "x"}}}, "key is not provided"), Problem::refused);
  auto future = engine().range({.keys = all(), .at = 1'000'000});
  ASSERT_FALSE(future);
  EXPECT_EQ(future.error().problem, Problem::refused);
}

TEST_P(Conformance, AWatchTellsAllInOrder) {
  const Revision before = put("before");
  auto watch = engine().watch(all(), before + 1);
  auto behind = world().open();
  put("a", "1");
  const Revision both = run({.then = {Put{key("b"), "2"}, Delete{KeyRange::one(key("a"))}}}).revision;
  const std::vector<Event> seen = events(*watch, 3);
  EXPECT_EQ(seen[0].at, (KeyValue{key("a"), "1", both - 1, both - 1, 0}));
  EXPECT_EQ(seen[1].at, (KeyValue{key("b"), "2", both, both, 0}));
  EXPECT_TRUE(seen[2].deleted);
  EXPECT_EQ(seen[2].at.key, key("a"));
  EXPECT_EQ(seen[2].at.modified, both);

  // Another one, from the middle of what was; and what is not in its range it does not see.
  auto later = behind->watch(KeyRange::one(key("b")), both);
  put("c");
  put("b", "3");
  const std::vector<Event> told = events(*later, 2);
  EXPECT_EQ(told[0].at.value, "2");
  EXPECT_EQ(told[1].at.value, "3");
}

TEST_P(Conformance, ARevisionIsToldOfAsAWhole) {
  const Revision before = put("before");
  auto watch = engine().watch(all(), before + 1);
  for (int round = 0; round < 5; ++round) {
    Txn txn;  // more than a line holds, so that it comes in parts
    for (int i = 0; i < 12; ++i) txn.then.push_back(Put{key(std::to_string(i)), std::string(120'000, 'x')});
    run(txn);
  }
  std::size_t count = 0;
  const Millis until = monotonic_now() + time_bound();
  while (count < 60 && monotonic_now() < until) {
    auto changes = watch->next(1000);
    ASSERT_TRUE(changes) << changes.error().text;
    EXPECT_EQ(changes->events.size() % 12, 0U);
    for (const Event& event : changes->events)
      EXPECT_EQ(event.at.modified, before + 1 + static_cast<Revision>(count++ / 12));
  }
  EXPECT_EQ(count, 60U);
}

TEST_P(Conformance, AWatchThatLeavesItsMemberLosesNothing) {
  const Revision before = put("before");
  auto watch = engine().watch(all(), before + 1);
  Revision next = before + 1;
  for (int round = 0; round < 5; ++round) {
    put("a");
    put("b");
    for (const Event& event : events(*watch, 2)) EXPECT_EQ(event.at.modified, next++);
    watch->leave_member();
    put("c");
    EXPECT_EQ(events(*watch, 1)[0].at.modified, next++);
  }
}

TEST_P(Conformance, AWatchWhereNothingHappensIsQuiet) {
  auto watch = engine().watch(all(), put("before") + 1);
  const Millis until = monotonic_now() + time_bound();
  bool heard = false;
  for (int quiet = 0; quiet < 3 && monotonic_now() < until;) {
    auto changes = watch->next(10);
    ASSERT_TRUE(changes) << changes.error().text;
    EXPECT_TRUE(changes->events.empty());
    heard = heard || changes->heard;
    quiet += heard && !changes->heard ? 1 : 0;
  }
  EXPECT_TRUE(heard);  // that the watch was taken
}

TEST_P(Conformance, LeasesHoldKeys) {
  const auto lease = engine().grant(60);
  ASSERT_TRUE(lease) << lease.error().text;
  const Revision made = put("a", "1", *lease);
  put("b", "2", *lease);
  EXPECT_EQ(get({.keys = KeyRange::one(key("a"))}).values.at(0).lease, *lease);
  EXPECT_EQ(engine().keep_alive(*lease), 60);
  auto watch = engine().watch(all(), made + 2);
  EXPECT_TRUE(engine().revoke(*lease));
  const std::vector<Event> gone = events(*watch, 2);
  EXPECT_TRUE(gone[0].deleted && gone[1].deleted);
  EXPECT_EQ(gone[0].at.modified, gone[1].at.modified);
  EXPECT_EQ(engine().keep_alive(*lease), 0);
  EXPECT_TRUE(engine().revoke(*lease));
  EXPECT_EQ(refused({.then = {Put{key("c"), "3", *lease}}}, "lease not found"), Problem::refused);
}

TEST_P(Conformance, ALeaseEndsByItself) {
  const auto lease = engine().grant(2);
  ASSERT_TRUE(lease) << lease.error().text;
  auto watch = engine().watch(all(), put("a", "1", *lease) + 1);
  put("stays");
  events(*watch, 1);
  world().let_pass(1);
  EXPECT_EQ(get({.keys = all()}).count, 2U);
  world().let_pass(1);
  EXPECT_TRUE(events(*watch, 1)[0].deleted);
  EXPECT_EQ(get({.keys = all()}).count, 1U);
}

TEST_P(Conformance, MembersSayHowTheyAre) {
  put("a");
  for (const MemberStatus& member : engine().members()) {
    EXPECT_EQ(member.problem, "") << member.url;
    EXPECT_TRUE(member.has_leader);
    EXPECT_TRUE(member.version.starts_with("3."));
    EXPECT_GT(member.size, 0U);
  }
  EXPECT_NE(engine().cluster(), 0U);
}

TEST_P(Conformance, WhatIsCompactedIsGone) {
  const Revision first = put("a", "1");
  const Revision second = put("a", "2");
  put("a", "3");
  world().compact(second);
  auto past = engine().range({.keys = all(), .at = first});
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().problem, Problem::compacted);
  EXPECT_EQ(get({.keys = all(), .at = second}).values.at(0).value, "2");
  auto watch = engine().watch(all(), first);
  const Failure why = failure(*watch);
  EXPECT_EQ(why.problem, Problem::compacted) << why.text;
  EXPECT_EQ(why.oldest, second);
  auto rest = engine().watch(all(), why.oldest);
  EXPECT_EQ(events(*rest, 2)[1].at.value, "3");
}

TEST_P(Conformance, AnotherClusterIsNotWrittenTo) {
  auto watch = engine().watch(all(), put("a", "1") + 1);
  put("b");
  events(*watch, 1);
  const ClusterId known = engine().cluster();
  world().replace();
  EXPECT_EQ(failure(*watch).problem, Problem::wrong_cluster);
  EXPECT_EQ(refused({.then = {Put{key("c"), "3"}}}, "cluster"), Problem::wrong_cluster);
  EXPECT_EQ(engine().cluster(), known);
  auto fresh = world().open();
  const auto found = fresh->range({.keys = all()});
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->count, 0U);
  EXPECT_NE(fresh->cluster(), known);
}

INSTANTIATE_TEST_SUITE_P(Each, Conformance, testing::ValuesIn(kinds()),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace anchord::engine::test
