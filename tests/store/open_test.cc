// Opening and loading stores that are not as they should be.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>

#include "anchord/trust/trust_list.h"
#include "database/schema.h"
#include "fixture.h"

namespace anchord::store {
namespace {

class Open : public StoreTest {
 protected:
  // Changes bytes of the database where `from` stands.
  void replace_in_database(std::string_view from, std::string_view to) {
    ASSERT_EQ(from.size(), to.size());
    std::string content = read_database();
    std::size_t at = content.find(from);
    ASSERT_NE(at, content.npos);
    for (; at != content.npos; at = content.find(from, at + 1)) content.replace(at, to.size(), to);
    write_database(content);
  }
  void put_u32(std::size_t at, std::uint32_t value) {
    std::string content = read_database();
    for (std::size_t i = 0; i < 4; ++i) content[at + i] = static_cast<char>(value >> (24 - 8 * i));
    write_database(content);
  }
};

constexpr std::size_t kUserVersionAt = 60;  // in SQLite's file header
constexpr std::size_t kApplicationIdAt = 68;

TEST_F(Open, MissingDirectoryNamesInit) {
  auto store = Store::open(folder_.path / "nowhere");
  ASSERT_FALSE(store);
  expect_text(store.error().text, {"no state directory", "nowhere", "anchorctl init"});
}

TEST_F(Open, EmptyDirectoryNamesInit) {
  fs::create_directory(folder_.path / "empty");
  auto store = Store::open(folder_.path / "empty");
  ASSERT_FALSE(store);
  expect_text(store.error().text, {"no cluster", "anchorctl init"});
  EXPECT_TRUE(fs::is_empty(folder_.path / "empty"));
}

TEST_F(Open, FileInPlaceOfTheDirectory) {
  auto store = Store::open(database_);
  ASSERT_FALSE(store);
  expect_text(store.error().text, {"not a directory"});
}

TEST_F(Open, DirectoryInPlaceOfTheDatabase) {
  fs::remove(database_);
  fs::create_directory(database_);
  expect_text(open_error(), {"anchord.db"});
}

TEST_F(Open, UnreadableOneNamesTheOwner) {
  auto problem_for_stranger = [&] {
    pid_t child = ::fork();
    if (child == 0) {
      if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
      auto store = Store::open(dir_);
      bool good = !store && store.error().text.find("Permission denied") != std::string::npos;
      ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  ::chmod(folder_.path.c_str(), 0755);
  ::chmod(dir_.c_str(), 0755);
  ::chmod(database_.c_str(), 0);
  EXPECT_EQ(problem_for_stranger(), 0);
  ::chmod(dir_.c_str(), 0);
  EXPECT_EQ(problem_for_stranger(), 0);
  ::chmod(dir_.c_str(), 0700);
}

TEST_F(Open, NewerVersionAsksForAnUpgrade) {
  put_u32(kUserVersionAt, kSchemaVersion + 1);
  expect_text(open_error(),
              {"newer Anchord", fmt::format("its version is {}", kSchemaVersion + 1), "upgrade"});
  put_u32(kUserVersionAt, 0);
  expect_text(open_error(), {"damaged"});
}

TEST_F(Open, AnotherProgramsDatabase) {
  put_u32(kApplicationIdAt, 0x12345678);
  expect_text(open_error(), {"not a database of Anchord"});
}

TEST_F(Open, TruncatedDatabase) {
  std::string whole = read_database();
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{99}, std::size_t{100},
                           std::size_t{4096}, whole.size() / 2, whole.size() - 4096}) {
    SCOPED_TRACE(size);
    write_database(whole.substr(0, size));
    expect_text(open_error(), {"anchord.db", "backup"});
  }
}

TEST_F(Open, SomethingElseInPlaceOfTheDatabase) {
  std::mt19937 random(1);
  std::string content(20000, '\0');
  for (char& c : content) c = static_cast<char>(random());
  write_database(content);
  expect_text(open_error(), {"damaged", "backup"});
}

// Whatever is overwritten: one line, or a state whose certificates are the real ones.
TEST_F(Open, RandomlyDamagedDatabase) {
  std::set<std::string> real;
  {
    Store store = open();
    ASSERT_TRUE(add_one(store, example_known("a")));
    LoadedCluster loaded = store.load(KeyUse::with_keys).value();
    ASSERT_TRUE(current_itl(store, loaded.cluster, 1));
    for (const auto& known : loaded.cluster.known) real.insert(hash_of(known.certificate));
  }
  std::string whole = read_database();
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string content = whole;
    std::size_t at = random() % content.size();
    // Half of the rounds near a page's start, where the structure is.
    if (round % 2 == 0) at = at / 4096 * 4096 + random() % 128;
    std::size_t end = std::min(content.size(), at + 1 + random() % 400);
    for (std::size_t i = at; i < end; ++i) content[i] = static_cast<char>(random());
    fs::remove(database_.string() + "-wal");
    fs::remove(database_.string() + "-shm");
    write_database(content);
    auto store = Store::open(dir_);
    auto loaded = store ? store->load(KeyUse::with_keys) : std::unexpected(store.error());
    if (!loaded) {
      ++refused;
      expect_text(loaded.error().text, {});
      continue;
    }
    for (const auto& known : loaded->cluster.known)
      EXPECT_TRUE(real.contains(hash_of(known.certificate))) << round;
    current_itl(*store, loaded->cluster, 1);
  }
  EXPECT_GT(refused, 20);  // much of a small database is empty
}

TEST_F(Open, CertificateThatIsNotOne) {
  auto cluster = open().load(KeyUse::without_keys).value().cluster;
  std::string der{as_text(cluster.capf.certificate.der())};
  std::string changed = der;
  changed[0] = 0x31;
  replace_in_database(der, changed);
  expect_text(load_error(), {"damaged", hash_of(cluster.capf.certificate).substr(0, 8), "backup"});
}

TEST_F(Open, CertificateThatIsAnotherOne) {
  auto known = example_known("a");
  {
    Store store = open();
    ASSERT_TRUE(add_one(store, known));
  }
  std::string der{as_text(known.certificate.der())};
  std::string changed = der;
  changed.back() ^= 1;  // in its signature: it still parses
  replace_in_database(der, changed);
  expect_text(load_error(), {"damaged", hash_of(known.certificate).substr(0, 8)});
}

TEST_F(Open, PhoneThatIsNotWhatWasPutIn) {
  trust::Phone phone{"SEP001122334455", "8861", example_certificate("phone")};
  {
    Store store = open();
    ASSERT_TRUE(put_phones(store, {&phone, 1}));
  }
  std::string whole = read_database();
  std::string der{as_text(phone.certificate->der())};
  std::string changed = der;
  changed.back() ^= 1;
  replace_in_database(der, changed);
  expect_text(load_error(), {"SEP001122334455", "damaged", hash_of(*phone.certificate).substr(0, 8)});
  write_database(whole);
  replace_in_database("SEP001122334455", "SEP00112233445x");
  expect_text(load_error(), {"damaged"});
}

TEST_F(Open, RolesThatAreNone) {
  {
    auto known = example_known("a");
    known.roles = {wire::Role::app_server, wire::Role::ccm_tftp};
    Store store = open();
    ASSERT_TRUE(add_one(store, known));
  }
  replace_in_database("app-server,ccm+tftp", "app-server,ccm,tftx");
  expect_text(load_error(), {"damaged", "roles"});
}

TEST_F(Open, MissingKey) {
  fs::path file = key_file("recovery-");
  fs::remove(file);
  expect_text(load_error(), {"recovery", file.string(), "missing", "backup"});
  EXPECT_TRUE(open().load(KeyUse::without_keys));
}

TEST_F(Open, KeyThatOthersCanRead) {
  fs::path file = key_file("tvs-cucm2-");
  for (unsigned mode : {0640U, 0604U, 0610U, 0602U}) {
    ::chmod(file.c_str(), mode);
    expect_text(load_error(), {"tvs-cucm2", "can be used by others", "chmod 600", file.string()});
  }
  ::chmod(file.c_str(), 0400);
  EXPECT_EQ(load_error(), "");
}

TEST_F(Open, KeyOfAnotherCertificate) {
  fs::copy_file(key_file("tftp-"), key_file("recovery-"), fs::copy_options::overwrite_existing);
  expect_text(load_error(), {"recovery", "does not match"});
  fs::copy_file(key_file("tvs-cucm2-"), key_file("tvs-cucm1.example.com-"),
                fs::copy_options::overwrite_existing);
  expect_text(load_error(), {"does not match"});
}

TEST_F(Open, KeyThatIsNone) {
  fs::path file = key_file("capf-");
  std::ofstream(file) << "not a key";
  expect_text(load_error(), {"capf", "damaged", "backup"});
  std::ofstream(file) << std::string(1 << 20, 'x');
  expect_text(load_error(), {"capf"});
  std::ofstream(file) << "";
  expect_text(load_error(), {"capf"});
  fs::remove(file);
  fs::create_directory(file);
  expect_text(load_error(), {"capf", "not a file"});
}

TEST_F(Open, KeyNameThatLeadsElsewhere) {
  std::string name = key_file("capf-").filename().string();
  replace_in_database(name, "../x-" + name.substr(5));
  expect_text(load_error(), {"damaged", "elsewhere"});
}

}  // namespace
}  // namespace anchord::store
