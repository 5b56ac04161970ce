// Stores of older versions.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "anchord/store/signatures.h"
#include "anchord/trust/trust_list.h"
#include "boots.h"
#include "fixture.h"

namespace anchord::store {
namespace {

std::set<std::string> tables_of(const fs::path& dir) {
  auto database = Database::open(dir / "anchord.db", SQLITE_OPEN_READWRITE).value();
  std::set<std::string> out;
  Statement row(database, "SELECT type || ' ' || name || ': ' || ifnull(sql, '') FROM sqlite_master");
  while (row.next()) out.emplace(row.text(0));
  return out;
}

class Migrate : public testing::Test {
 protected:
  Migrate() { make_version(1, dir_); }
  std::set<std::string> keys() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ / "keys"))
      names.insert(entry.path().filename().string());
    return names;
  }
  std::int64_t version() { return ask_database(dir_, "PRAGMA user_version"); }

  Folder folder_;
  fs::path dir_ = folder_.path / "state";
};

TEST_F(Migrate, KeepsEverythingAndAddsTheCertificateForHttps) {
  ASSERT_EQ(version(), 1);
  auto keys_before = keys();
  auto store = Store::open(dir_);
  ASSERT_TRUE(store) << store.error().text;
  auto loaded = store->load(KeyUse::with_keys);
  ASSERT_TRUE(loaded) << loaded.error().text;
  const trust::Cluster& cluster = loaded->cluster;
  EXPECT_EQ(cluster.name, "Example");
  ASSERT_EQ(cluster.hosts.size(), 2U);
  EXPECT_EQ(cluster.hosts[0].addresses, std::vector<std::string>{"192.0.2.1"});
  ASSERT_EQ(cluster.known.size(), 7U);
  EXPECT_TRUE(hash_of(cluster.tvs[1].certificate).starts_with("6bfda2bc"));
  EXPECT_TRUE(hash_of(cluster.tftp.certificate).starts_with("bc0e465c"));
  EXPECT_EQ(cluster.known.back().roles, (std::vector{wire::Role::app_server, wire::Role::capf}));
  EXPECT_EQ(cluster.known.back().ttl, 600U);
  EXPECT_TRUE(cluster.phones.empty());

  const crypto::Certificate& made = cluster.tftp_ec.certificate;
  EXPECT_EQ(made.subject(), cluster.tftp.certificate.subject());
  EXPECT_EQ(made.key_type(), crypto::KeyType::ec);
  EXPECT_GT(made.not_after() - calendar_now(), 5 * 365 * 86400);
  std::string key = "tftp-ec-" + hash_of(made).substr(0, 8) + ".key";
  keys_before.insert(key);
  EXPECT_EQ(keys(), keys_before);
  struct stat info{};
  ASSERT_EQ(::stat((dir_ / "keys" / key).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(Migrate, HasTheTablesOfANewStore) {
  ASSERT_TRUE(Store::open(dir_));
  fs::path fresh = folder_.path / "fresh";
  ASSERT_TRUE(init_store(fresh, example_request()));
  EXPECT_EQ(tables_of(dir_), tables_of(fresh));
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
  EXPECT_EQ(version(), ask_database(fresh, "PRAGMA user_version"));
}

TEST_F(Migrate, IsAChangeAndHappensOnce) {
  auto store = Store::open(dir_).value();
  EXPECT_EQ(store.change_counter().value(), 3);
  expect_text(audit_entries(store, 1).value()[0].what, {"version 7", "tftp-ec"});
  EXPECT_TRUE(store.check());
  auto again = Store::open(dir_).value();
  EXPECT_EQ(again.change_counter().value(), 3);
  EXPECT_EQ(audit_entries(again, 100)->size(), 4U);
  EXPECT_EQ(keys().size(), 6U);
}

TEST_F(Migrate, ListNamesTheNewCertificateAndIsNewer) {
  auto store = Store::open(dir_).value();
  auto cluster = store.load(KeyUse::with_keys).value().cluster;
  auto before = saved_list(store, "ITLFile.tlv").value();
  ASSERT_TRUE(before);
  auto after = current_itl(store, cluster, before->built_at);
  ASSERT_TRUE(after) << after.error().text;
  EXPECT_GT(after->built_at, before->built_at);
  auto list = trust::verify_trust_list(after->content, cluster.tftp.certificate).value().list;
  ASSERT_EQ(list.records.size(), 7U);
  EXPECT_TRUE(same_bytes(list.records[3].certificate, cluster.tftp_ec.certificate.der()));
}

TEST_F(Migrate, TakesWhatCameNew) {
  auto store = Store::open(dir_).value();
  trust::Phone phone{"SEP001122334455", "", example_certificate("phone")};
  EXPECT_TRUE(put_phones(store, {&phone, 1}));
  SavedSignature saved{"a.sgn", Buffer(32), Buffer(400), {}};
  EXPECT_TRUE(save_signatures(store, {&saved, 1}, {}));
}

class MigrateFrom2 : public testing::Test {
 protected:
  MigrateFrom2() { make_version(2, dir_); }
  Folder folder_;
  fs::path dir_ = folder_.path / "state";
};

TEST_F(MigrateFrom2, KeepsEverything) {
  ASSERT_EQ(ask_database(dir_, "PRAGMA user_version"), 2);
  auto store = Store::open(dir_);
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(ask_database(dir_, "PRAGMA user_version"), 7);
  auto loaded = store->load(KeyUse::with_keys);
  ASSERT_TRUE(loaded) << loaded.error().text;
  const trust::Cluster& cluster = loaded->cluster;
  EXPECT_EQ(loaded->change_counter, 5);
  EXPECT_EQ(cluster.name, "Example");
  EXPECT_EQ(cluster.mode, trust::Mode::nonsecure);
  EXPECT_FALSE(cluster.has_ctl);
  EXPECT_FALSE(cluster.rolling_back);
  EXPECT_TRUE(hash_of(cluster.tvs[1].certificate).starts_with("d69becec"));
  EXPECT_TRUE(hash_of(cluster.tftp_ec.certificate).starts_with("383b0508"));
  ASSERT_EQ(cluster.known.size(), 7U);
  EXPECT_EQ(cluster.known.back().roles, (std::vector{wire::Role::app_server, wire::Role::capf}));
  EXPECT_EQ(cluster.known.back().ttl, 600U);
  EXPECT_FALSE(cluster.known.back().retired_from);
  ASSERT_EQ(cluster.phones.size(), 2U);
  EXPECT_TRUE(hash_of(*cluster.phones[0].certificate).starts_with("6c52fb46"));
  auto audit = audit_entries(*store, 100).value();
  ASSERT_EQ(audit.size(), 6U);
  expect_text(audit[0].what, {"version 7"});
  EXPECT_EQ(audit[0].what.find("tftp-ec"), std::string::npos);
  expect_text(audit[5].what, {"made the cluster 'Example'"});
  EXPECT_FALSE(audit[5].forced);
  EXPECT_TRUE(store->check());
}

// Phones hold it, so that the guards must know it.
TEST_F(MigrateFrom2, IssuedListIsKept) {
  auto store = Store::open(dir_).value();
  auto saved = saved_list(store, "ITLFile.tlv").value();
  ASSERT_TRUE(saved);
  auto kept = issued_lists(store).value();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].name, "ITLFile.tlv");
  EXPECT_EQ(kept[0].built_at, saved->built_at);
  EXPECT_EQ(kept[0].content, saved->content);
  EXPECT_FALSE(backup_state(store)->last);
}

TEST_F(MigrateFrom2, GivesAnIdOnceAndToEachItsOwn) {
  auto id = [](const fs::path& dir) {
    return Store::open(dir).value().load(KeyUse::without_keys).value().cluster.id;
  };
  std::string first = id(dir_);
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(from_hex(first)->size(), 16U);
  EXPECT_EQ(id(dir_), first);
  make_version(2, folder_.path / "other");
  EXPECT_NE(id(folder_.path / "other"), first);
}

TEST_F(MigrateFrom2, OneInMixedModeHasACtl) {
  {
    auto database = Database::open(dir_ / "anchord.db", SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run("UPDATE cluster SET mode = 'mixed'"));
  }
  auto cluster = Store::open(dir_).value().load(KeyUse::without_keys).value().cluster;
  EXPECT_EQ(cluster.mode, trust::Mode::mixed);
  EXPECT_TRUE(cluster.has_ctl);
}

TEST_F(MigrateFrom2, HasTheTablesOfANewStore) {
  ASSERT_TRUE(Store::open(dir_));
  fs::path fresh = folder_.path / "fresh";
  ASSERT_TRUE(init_store(fresh, example_request()));
  EXPECT_EQ(tables_of(dir_), tables_of(fresh));
}

TEST_F(Migrate, FailureLeavesTheOldVersion) {
  fs::rename(dir_ / "keys", dir_ / "keys-away");
  std::ofstream(dir_ / "keys") << "not a folder";
  auto store = Store::open(dir_);
  ASSERT_FALSE(store);
  expect_text(store.error().text, {dir_.string(), "to version 7", "tftp-ec-"});
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM identities"), 5);
  EXPECT_EQ(ask_database(dir_, "SELECT change_counter FROM cluster"), 2);
  fs::remove(dir_ / "keys");
  fs::rename(dir_ / "keys-away", dir_ / "keys");
  store = Store::open(dir_);
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_TRUE(store->load(KeyUse::with_keys));
}

TEST_F(Migrate, FailureAfterTheKeyTakesItAway) {
  auto before = keys();
  {
    auto database = Database::open(dir_ / "anchord.db", SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run("CREATE TABLE phones (name TEXT)"));
  }
  auto store = Store::open(dir_);
  ASSERT_FALSE(store);
  expect_text(store.error().text, {"to version 7", "phones"});
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM identities"), 5);
  EXPECT_EQ(keys(), before);
}

TEST_F(Migrate, StoreWithoutItsSignerIsDamaged) {
  {
    auto database = Database::open(dir_ / "anchord.db", SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run("DELETE FROM identities WHERE service = 'tftp'"));
  }
  auto store = Store::open(dir_);
  ASSERT_FALSE(store);
  expect_text(store.error().text, {"damaged", "own certificates", "backup"});
  EXPECT_EQ(version(), 1);
}

// anchorctl is run by root, the service by its own user: it must be able to read the new key.
TEST_F(Migrate, KeyBelongsToTheStoresOwner) {
  constexpr uid_t kService = 4711;
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(::chown((dir_ / "anchord.db").c_str(), kService, kService), 0);
  auto cluster = Store::open(dir_).value().load(KeyUse::without_keys).value().cluster;
  struct stat info{};
  fs::path key = dir_ / "keys" / ("tftp-ec-" + hash_of(cluster.tftp_ec.certificate).substr(0, 8) + ".key");
  ASSERT_EQ(::stat(key.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, kService);
  EXPECT_EQ(info.st_gid, kService);
}

class MigrateFrom3 : public testing::Test {
 protected:
  MigrateFrom3() { make_version(3, dir_); }
  Folder folder_;
  fs::path dir_ = folder_.path / "state";
};

// It took what was given for what is held.
TEST_F(MigrateFrom3, WhatWasGivenIsNoMoreThanThat) {
  auto store = Store::open(dir_);
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(ask_database(dir_, "PRAGMA user_version"), 7);
  auto entry = ledger_entry(*store, "SEP001122334455").value();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->may_hold(trust::ListKind::itl), (std::vector<trust::ListVersion>{0, 153471116490281926}));
  EXPECT_EQ(entry->may_hold(trust::ListKind::ctl), (std::vector<trust::ListVersion>{0}));
  EXPECT_EQ(entry->of(DeliveredKind::itl).version, 153471116490281926U);
  EXPECT_FALSE(entry->of(DeliveredKind::itl).whole);
  EXPECT_TRUE(entry->belief.proven);
  EXPECT_EQ(issued_lists(*store)->size(), 1U);
  EXPECT_EQ(holders(*store)->devices, 1U);
  ASSERT_EQ(ledger_gaps(*store)->size(), 1U);
  EXPECT_TRUE(store->check());
}

TEST_F(MigrateFrom3, HasTheFormOfANewOne) {
  {
    ASSERT_TRUE(Store::open(dir_));
  }
  fs::path fresh = folder_.path / "fresh";
  {
    ASSERT_TRUE(init_store(fresh, example_request()));
  }
  EXPECT_EQ(tables_of(dir_), tables_of(fresh));
}

// It was a machine that shares its state with no other, and stays one.
TEST(MigrateFrom6, AllIsAsItWas) {
  Folder folder;
  fs::path dir = folder.path / "state";
  const auto id = init_store(dir, example_request()).value().load(KeyUse::with_keys).value().cluster.id;
  const std::set<std::string> tables = tables_of(dir);
  ask_database(dir, "DROP TABLE replica");
  ask_database(dir, "PRAGMA user_version = 6");
  Store store = Store::open(dir).value();
  EXPECT_EQ(store.load(KeyUse::with_keys).value().cluster.id, id);
  EXPECT_EQ(tables_of(dir), tables);
  EXPECT_EQ(ask_database(dir, "PRAGMA user_version"), 7);
  EXPECT_FALSE(membership_of(store).value());
}

TEST(MigrateFrom5, NoNameIsTakenForNewByTheGapsBeforeIt) {
  Folder folder;
  fs::path dir = folder.path / "state";
  {
    Store store = init_store(dir, example_request()).value();
    ASSERT_TRUE(note_gap(store, {.began = 1000, .ended = 2000, .why = "power"}));
    Seen seen("SEP000000000001", 3000);
    ASSERT_TRUE(note(store, seen.asked(trust::ListKind::itl)));
  }
  std::set<std::string> tables = tables_of(dir);
  ask_database(dir, "ALTER TABLE ledger ADD COLUMN created_gap INTEGER NOT NULL DEFAULT 1");
  ask_database(dir, "ALTER TABLE issued_lists RENAME TO handed_out");
  ask_database(dir, "DROP TABLE replica");
  ask_database(dir, "PRAGMA user_version = 5");
  ASSERT_NE(tables_of(dir), tables);
  auto store = Store::open(dir);
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(tables_of(dir), tables);
  EXPECT_EQ(ledger_entry(*store, "SEP000000000001").value()->created, 3000);
}

}  // namespace
}  // namespace anchord::store
