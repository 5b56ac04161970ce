// Several processes on one store, and processes that are killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "database/schema.h"
#include "fixture.h"

namespace anchord::store {
namespace {

class Crash : public StoreTest {
 protected:
  std::set<std::string> added(Store& store) {
    std::set<std::string> names;
    auto loaded = store.load(KeyUse::with_keys);
    EXPECT_TRUE(loaded) << loaded.error().text;
    if (!loaded) return names;
    for (const auto& known : loaded->cluster.known)
      if (!known.own) names.insert(std::string(known.certificate.subject().value_of("CN")));
    return names;
  }
};

const std::array<std::set<std::string>, 3> kLegal{{{}, {"a", "b"}, {"b"}}};

// Goes round through kLegal, and says so after each commit.
[[noreturn]] void change_for_ever(const fs::path& dir, int says) {
  auto store = Store::open(dir);
  if (!store) ::_exit(1);
  std::array several{example_known("a"), example_known("b")};
  for (;;) {
    if (!add_known(*store, several, agreed()) || ::write(says, "1", 1) != 1 ||
        !remove_known(*store, hash_of(several[0].certificate), agreed()) || ::write(says, "2", 1) != 1 ||
        !remove_known(*store, hash_of(several[1].certificate), agreed()) || ::write(says, "3", 1) != 1)
      ::_exit(1);
  }
}

TEST_F(Crash, KilledWriterLosesNothingThatItSaidAndLeavesNothingHalf) {
  std::mt19937 random(3);
  for (int round = 0; round < 25; ++round) {
    {
      Store store = open();
      LoadedCluster loaded = store.load(KeyUse::without_keys).value();
      for (const auto& known : loaded.cluster.known)
        if (!known.own) {
          ASSERT_TRUE(remove_known(store, hash_of(known.certificate), agreed()));
        }
    }
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) change_for_ever(dir_, pipe[1]);
    ::close(pipe[1]);
    std::size_t said = 0;
    char byte = 0;
    for (std::size_t until = 1 + random() % 8; said < until && ::read(pipe[0], &byte, 1) == 1;) ++said;
    ::usleep(static_cast<useconds_t>(random() % 3000));
    ::kill(child, SIGKILL);
    while (::read(pipe[0], &byte, 1) == 1) ++said;
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));

    Store store = open();
    EXPECT_TRUE(store.check());
    auto found = added(store);
    EXPECT_TRUE(found == kLegal[said % 3] || found == kLegal[(said + 1) % 3]) << round << " after " << said;
  }
}

TEST_F(Crash, TwoProcessesChangeOneStore) {
  constexpr int kEach = 30;
  auto add_all = [&](const std::string& prefix) {
    auto store = Store::open(dir_);
    if (!store) return false;
    for (int i = 0; i < kEach; ++i)
      if (!add_one(*store, example_known(prefix + std::to_string(i)))) return false;
    return true;
  };
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(add_all("child") ? 0 : 1);
  EXPECT_TRUE(add_all("parent"));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  Store store = open();
  EXPECT_EQ(added(store).size(), 2U * kEach);
  EXPECT_TRUE(store.check());
}

// The service polls on a connection of its own while anchorctl changes the store.
TEST_F(Crash, ReaderSeesEveryStateWhole) {
  Store reader = open();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) change_for_ever(dir_, pipe[1]);
  std::int64_t last = 0;
  for (int i = 0; i < 60; ++i) {
    char byte = 0;
    ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
    auto counter = reader.change_counter();
    ASSERT_TRUE(counter) << counter.error().text;
    EXPECT_GE(*counter, last);
    last = *counter;
    auto found = added(reader);
    EXPECT_TRUE(std::ranges::find(kLegal, found) != kLegal.end()) << i;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// Killed at moments all through it, a migration leaves a store of one version or the other.
TEST_F(Crash, KilledMigrationLeavesTheOldVersionOrTheNew) {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    fs::path dir = folder_.path / ("old-" + std::to_string(round));
    make_version(1, dir);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(Store::open(dir) ? 0 : 1);
    // It may just be starting, or writes its key and then the database.
    if (round % 4 != 0) {
      auto key_is_coming = [&] {
        return std::ranges::distance(fs::directory_iterator(dir / "keys"), fs::directory_iterator()) > 5;
      };
      while (!key_is_coming() && ::waitpid(child, nullptr, WNOHANG) == 0) {
      }
    }
    ::usleep(static_cast<useconds_t>(random() % 8000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);

    auto version = ask_database(dir, "PRAGMA user_version");
    EXPECT_TRUE(version == 1 || version == kSchemaVersion) << version;
    EXPECT_EQ(ask_database(dir, "SELECT count(*) FROM identities"), version == 1 ? 5 : 6);
    EXPECT_EQ(ask_database(dir, "SELECT change_counter FROM cluster"), version == 1 ? 2 : 3);
    EXPECT_EQ(ask_database(dir, "SELECT count(*) FROM sqlite_master WHERE name = 'phones'"), version != 1);
    auto store = Store::open(dir);
    ASSERT_TRUE(store) << store.error().text;
    EXPECT_TRUE(store->check());
    auto loaded = store->load(KeyUse::with_keys);
    EXPECT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(store->change_counter().value(), 3);
  }
}

TEST_F(Crash, OfManyThatMigrateOneDoes) {
  fs::path dir = folder_.path / "old";
  make_version(1, dir);
  std::array<pid_t, 6> children{};
  for (pid_t& child : children) {
    child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = Store::open(dir);
      ::_exit(store && store->load(KeyUse::with_keys) ? 0 : 1);
    }
  }
  for (pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(ask_database(dir, "SELECT change_counter FROM cluster"), 3);
  EXPECT_EQ(std::ranges::distance(fs::directory_iterator(dir / "keys"), fs::directory_iterator()), 6);
}

// Phones and signatures change as whole as certificates do.
TEST_F(Crash, KilledWriterOfPhonesLeavesAllOrNone) {
  std::vector<trust::Phone> phones;
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) {
    names.push_back("SEP0000000000" + std::to_string(10 + i));
    phones.push_back(
        {names.back(), "8861", i % 2 == 0 ? std::optional(example_certificate("p")) : std::nullopt});
  }
  std::mt19937 random(9);
  for (int round = 0; round < 15; ++round) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = Store::open(dir_);
      (void)remove_phones(*store, names);
      while (put_phones(*store, phones) && ::write(pipe[1], "1", 1) == 1 && remove_phones(*store, names)) {
      }
      ::_exit(1);
    }
    char byte = 0;
    ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
    ::usleep(static_cast<useconds_t>(random() % 5000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    ::close(pipe[0]);
    ::close(pipe[1]);
    auto found = open().load(KeyUse::without_keys).value().cluster.phones.size();
    EXPECT_TRUE(found == 0 || found == phones.size()) << found;
  }
}

}  // namespace
}  // namespace anchord::store
