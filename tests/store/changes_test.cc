// Loading what has changed, against loading everything.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "database/session.h"
#include "fixture.h"
#include "tables/certificates.h"

namespace anchord::store {
namespace {

// What somebody who loads changes alone knows.
class Follower {
 public:
  // How many certificates of others came; the error's text.
  std::expected<std::size_t, std::string> follow(Store& store) {
    auto loaded = store.load_changes(KeyUse::with_keys, others_, mark_);
    if (!loaded) return std::unexpected(loaded.error().text);
    mark_ = loaded->mark;
    std::set<HashText> gone(loaded->gone.begin(), loaded->gone.end());
    EXPECT_EQ(gone.size(), loaded->gone.size());
    EXPECT_EQ(std::erase_if(others_, [&](const KnownState& state) { return gone.contains(state.sha256); }),
              gone.size());
    std::size_t came = 0;
    own_.clear();
    for (const trust::KnownCertificate& known : loaded->cluster.known) {
      if (known.own) {
        own_.push_back(known_state(known));
        continue;
      }
      ++came;
      KnownState state = known_state(known);
      std::erase_if(others_, [&](const KnownState& old) { return old.sha256 == state.sha256; });
      others_.insert(std::ranges::upper_bound(others_, state.sha256, {}, &KnownState::sha256), state);
    }
    counter_ = loaded->change_counter;
    return came;
  }

  void expect_all_of(Store& store) {
    auto loaded = store.load(KeyUse::without_keys).value();
    KnownStates own, others;
    for (const trust::KnownCertificate& known : loaded.cluster.known)
      (known.own ? own : others).push_back(known_state(known));
    std::ranges::sort(others, {}, &KnownState::sha256);
    EXPECT_TRUE(own_ == own);
    EXPECT_TRUE(others_ == others);
    EXPECT_EQ(counter_, loaded.change_counter);
  }

 private:
  KnownStates own_, others_;
  ChangeMark mark_;
  std::int64_t counter_ = 0;
};

class Changes : public StoreTest {
 protected:
  void run(const std::string& sql) {
    auto database = Database::open(database_, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run(sql));
  }
  Follower follower_;
};

TEST_F(Changes, OnlyTheyCome) {
  Store store = open();
  std::vector<trust::KnownCertificate> three{example_known("a"), example_known("b"), example_known("c")};
  ASSERT_TRUE(add_known(store, three, agreed()));
  EXPECT_EQ(follower_.follow(store), 3U);
  EXPECT_EQ(follower_.follow(store), 0U);
  three[1].ttl = 5;
  ASSERT_TRUE(add_one(store, three[1]));
  EXPECT_EQ(follower_.follow(store), 1U);
  ASSERT_TRUE(remove_known(store, hash_of(three[2].certificate), agreed()));
  EXPECT_EQ(follower_.follow(store), 0U);
  follower_.expect_all_of(store);
}

TEST_F(Changes, AnySequenceOfThemComesToTheSameAsEverything) {
  std::vector<crypto::Certificate> pool;
  for (int i = 0; i < 30; ++i) pool.push_back(example_certificate(std::to_string(i)));
  const std::vector<std::vector<wire::Role>> roles{
      {wire::Role::app_server}, {wire::Role::capf, wire::Role::app_server}, {wire::Role::tvs}};
  for (unsigned seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    auto below = [&](std::size_t end) { return random() % end; };
    Store store = open();
    Follower follower;
    for (int step = 0; step < 120; ++step) {
      auto known = [&] {
        return trust::KnownCertificate{
            pool[below(pool.size())], roles[below(3)], static_cast<std::uint32_t>(below(2)), {}};
      };
      switch (below(8)) {
        case 0:
        case 1:
          ASSERT_TRUE(add_one(store, known()));
          break;
        case 2:
          (void)remove_known(store, hash_of(pool[below(pool.size())]), agreed());  // may not be there
          break;
        case 3: {
          std::vector<trust::KnownCertificate> many;
          for (std::size_t i = below(20); i > 0; --i) many.push_back(known());
          ASSERT_TRUE(add_known(store, many, agreed()));
          break;
        }
        case 4:
          ASSERT_TRUE(regenerate(store, trust::Service::capf, "", {.force = true}));
          break;
        case 5:
          ASSERT_TRUE(
              set_mode(store, below(2) == 0 ? trust::Mode::mixed : trust::Mode::nonsecure, {.force = true}));
          break;
        case 6:
          ASSERT_TRUE(drop_unneeded(store, calendar_now() + static_cast<UnixSeconds>(below(2)) * 1'000'000));
          break;
        case 7:
          run("UPDATE certificates SET ttl = ttl + 1 WHERE rowid % 3 = 0");
          break;
      }
      if (below(3) == 0) continue;
      ASSERT_TRUE(follower.follow(store));
      follower.expect_all_of(store);
    }
  }
}

// A backup that was put in place may have counted as far.
TEST_F(Changes, AnotherDatabaseWithTheSameCounterIsFollowedToo) {
  fs::path other = folder_.path / "other";
  fs::copy(dir_, other, fs::copy_options::recursive);
  Store store = open();
  auto both = example_known("both");
  ASSERT_TRUE(add_one(store, both));
  ASSERT_TRUE(add_one(store, example_known("here")));
  ASSERT_TRUE(follower_.follow(store));
  {
    Store there = Store::open(other).value();
    both.roles = {wire::Role::tvs};
    ASSERT_TRUE(add_one(there, both));
    ASSERT_TRUE(add_one(there, example_known("there")));
    ASSERT_EQ(there.change_counter().value(), store.change_counter().value());
    Follower elsewhere = follower_;
    EXPECT_EQ(elsewhere.follow(there), 2U);
    elsewhere.expect_all_of(there);
  }
  // Written over the one that is open.
  auto from = Database::open(other / "anchord.db", SQLITE_OPEN_READWRITE).value();
  auto to = Database::open(database_, SQLITE_OPEN_READWRITE).value();
  sqlite3_backup* copy = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  ASSERT_NE(copy, nullptr);
  sqlite3_backup_step(copy, -1);
  ASSERT_EQ(sqlite3_backup_finish(copy), SQLITE_OK);
  EXPECT_EQ(follower_.follow(store), 2U);
  follower_.expect_all_of(store);
}

TEST_F(Changes, ABrokenRowIsAnError) {
  Store store = open();
  auto known = example_known("a");
  ASSERT_TRUE(add_one(store, known));
  ASSERT_TRUE(follower_.follow(store));
  ASSERT_TRUE(add_one(store, example_known("b")));
  for (const char* sql : {"UPDATE certificates SET certificate = x'00' WHERE rowid = 2",
                          "UPDATE certificates SET roles = 'x' WHERE rowid = 1",
                          "UPDATE certificates SET sha256 = sha256 || ''",
                          "UPDATE certificates SET sha256 = substr(sha256, 2) || 'x' WHERE rowid = 1",
                          "UPDATE certificates SET sha256 = substr(sha256, 2) || 'é' WHERE rowid = 2"}) {
    run(sql);
    auto followed = follower_.follow(store);
    ASSERT_FALSE(followed) << sql;
    expect_text(followed.error(), {"damaged"});
  }
  run("DELETE FROM certificates WHERE rowid = 2");
  run("UPDATE certificates SET roles = 'app-server', sha256 = '" + hash_of(known.certificate) + "'");
  EXPECT_TRUE(follower_.follow(store));
  follower_.expect_all_of(store);
}

// What was damaged where nothing changed is not looked at, so that who finds it has read all.
class EverythingIsRead : public Changes {
 protected:
  EverythingIsRead() {
    EXPECT_TRUE(add_known(
        store_, std::vector<trust::KnownCertificate>{example_known("a"), example_known("b")}, agreed()));
    EXPECT_EQ(follower_.follow(store_), 2U);
  }
  // Behind the log's back.
  void damage_quietly() {
    run("UPDATE certificates SET certificate = x'00' WHERE rowid = 1;"
        "DELETE FROM certificate_changes WHERE number > (SELECT max(number) - 1 FROM certificate_changes)");
  }
  Store store_ = open();
};

TEST_F(EverythingIsRead, NotForAChange) {
  damage_quietly();
  // What add_known() does when it has read all that is there.
  Database& database = store_.session().database;
  auto writing = Transaction::write(database);
  ASSERT_TRUE(writing && put_certificates(database, std::vector{example_known("c")}) && writing->commit());
  EXPECT_EQ(follower_.follow(store_), 1U);
}

TEST_F(EverythingIsRead, WhenTheLogHasForgotten) {
  damage_quietly();
  run("UPDATE certificate_changes SET number = number + 16384;"
      "INSERT INTO certificate_changes (sha256) VALUES ('')");
  EXPECT_FALSE(follower_.follow(store_));
}

TEST_F(EverythingIsRead, WhenTheLogWasMadeAnew) {
  damage_quietly();
  run("DROP TRIGGER certificate_altered");
  Store again = open();
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM certificate_changes"), 1);
  EXPECT_FALSE(follower_.follow(again));
}

TEST_F(EverythingIsRead, WhileThereIsNoLog) {
  run("DROP TABLE certificate_changes; DROP TRIGGER certificate_added; DROP TRIGGER certificate_altered;"
      "DROP TRIGGER certificate_removed");
  auto known = example_known("c");
  ASSERT_TRUE(add_one(store_, known));
  EXPECT_EQ(follower_.follow(store_), 1U);
  ASSERT_TRUE(remove_known(store_, hash_of(known.certificate), agreed()));
  EXPECT_EQ(follower_.follow(store_), 0U);
  follower_.expect_all_of(store_);
  run("UPDATE certificates SET certificate = x'00' WHERE rowid = 1");
  EXPECT_FALSE(follower_.follow(store_));
}

TEST_F(EverythingIsRead, WhenTheLogWasAwayForAWhile) {
  run("DROP TRIGGER certificate_added");
  auto known = example_known("c");
  ASSERT_TRUE(add_one(store_, known));
  run("CREATE TRIGGER certificate_added AFTER INSERT ON certificates BEGIN"
      " INSERT INTO certificate_changes (sha256) VALUES (new.sha256); END");
  EXPECT_EQ(follower_.follow(store_), 1U);
  follower_.expect_all_of(store_);
}

TEST_F(Changes, TheLogIsBounded) {
  Store store = open();
  ASSERT_TRUE(add_one(store, example_known("a")));
  ASSERT_TRUE(follower_.follow(store));
  run("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
      " INSERT INTO certificate_changes (sha256) SELECT 'x' || i FROM n");
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM certificate_changes"), 16384);
  ASSERT_TRUE(add_one(store, example_known("b")));
  EXPECT_EQ(follower_.follow(store), 1U);
  follower_.expect_all_of(store);
}

}  // namespace
}  // namespace anchord::store
