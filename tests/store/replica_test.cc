// What hosts of a cluster change, as the engine and the others have it.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "backup/backup_impl.h"
#include "boots.h"
#include "database/open_database.h"
#include "fixture.h"
#include "replica/sealed_key.h"
#include "replica/shared_write.h"

namespace anchord::store {
namespace {

using engine::test::Lost;
using trust::Service;

class Replica : public testing::Test {
 protected:
  Replica() {
    static const Folder made;
    if (!fs::exists(made.path / "state")) init_store(made.path / "state", example_request()).value();
    fs::copy(made.path / "state", a_, fs::copy_options::recursive);
    shared_.emplace(a_, b_);
    here_.emplace(Store::open(a_).value());
    there_.emplace(Store::open(b_).value());
  }

  static Status put(Store& store, const std::string& name, const std::string& model = "") {
    const trust::Phone phone{name, model, {}};
    return put_phones(store, {&phone, 1});
  }
  static std::set<std::string> phones(Store& store) {
    std::set<std::string> out;
    const auto loaded = store.load(KeyUse::with_keys).value();
    for (const trust::Phone& phone : loaded.cluster.phones) out.insert(phone.name);
    return out;
  }
  static std::int64_t number(Store& store) {
    return read_replica(store.session().database).value().value().number;
  }
  // Until nothing more comes.
  static std::string follow(Store& store) {
    const auto state = read_replica(store.session().database).value();
    const auto done = catch_up(store.session(), *link_of(store.session(), *state).value());
    return done ? "" : done.error().text;
  }
  void expect_alike() {
    EXPECT_EQ(follow(*here_), "");
    EXPECT_EQ(follow(*there_), "");
    EXPECT_EQ(shared_rows(*here_), shared_rows(*there_));
    EXPECT_EQ(number(*here_), number(*there_));
    EXPECT_EQ(keys_in(a_), keys_in(b_));
  }
  Result<BackupFacts> write_cheap_ticket(std::string_view host, const fs::path& file) {
    return make_ticket(*here_, host, file, as_bytes("correct horse"), {.log2_n = 4, .r = 8, .p = 1},
                       calendar_now(), {});
  }
  // How often the audit says that a phone was put.
  static std::size_t times_put(Store& store, const std::string& name) {
    std::size_t out = 0;
    const auto entries = audit_entries(store, 1000).value();
    for (const AuditEntry& entry : entries) out += entry.what == "put phone " + name;
    return out;
  }

  Folder folder_;
  fs::path a_ = folder_.path / "a", b_ = folder_.path / "b";
  std::optional<Shared> shared_;
  std::optional<Store> here_, there_;
};

TEST_F(Replica, AChangeOnOneHostIsTheOthersToo) {
  const auto before = there_->change_counter().value();
  ASSERT_TRUE(put(*here_, "SEP001122334455", "Cisco 7970"));
  EXPECT_TRUE(phones(*there_).empty());
  EXPECT_EQ(follow(*there_), "");
  EXPECT_EQ(phones(*there_), std::set<std::string>{"SEP001122334455"});
  EXPECT_EQ(there_->change_counter().value(), before + 1);
  ASSERT_TRUE(put(*there_, "SEP001122334456"));
  EXPECT_EQ(follow(*here_), "");
  EXPECT_EQ(phones(*here_), (std::set<std::string>{"SEP001122334455", "SEP001122334456"}));
  expect_alike();
}

TEST_F(Replica, WhatNoLoadGivesMovesNoCounter) {
  const auto before = there_->change_counter().value();
  ASSERT_TRUE(note_backup(*here_, calendar_now(), "00"));
  EXPECT_EQ(follow(*there_), "");
  EXPECT_EQ(there_->change_counter().value(), before);
  expect_alike();
}

// One that begins behind another's has it first: neither knows the other's otherwise.
TEST_F(Replica, AChangeBeginsBehindAllOthers) {
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  ASSERT_TRUE(put(*there_, "SEP001122334456"));
  ASSERT_TRUE(put(*here_, "SEP001122334457"));
  EXPECT_EQ(number(*here_), 4);
  expect_alike();
  EXPECT_EQ(phones(*here_).size(), 3U);
}

TEST_F(Replica, WhoIsSecondRunsAgain) {
  engine_of(*here_).before_next_txn([&] { ASSERT_TRUE(put(*there_, "SEP001122334456")); });
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  EXPECT_EQ(number(*here_), 3);
  EXPECT_EQ(phones(*here_).size(), 2U);
  EXPECT_EQ(times_put(*here_, "SEP001122334455"), 1U);
  expect_alike();
}

TEST_F(Replica, WhoIsSecondEachTimeSaysSo) {
  int rivals = 0;
  std::function<void()> rival = [&] {
    ASSERT_TRUE(put(*there_, "SEP00112233450" + std::to_string(rivals++)));
    engine_of(*here_).before_next_txn(rival);
  };
  engine_of(*here_).before_next_txn(rival);
  const auto done = put(*here_, "SEP001122334455");
  ASSERT_FALSE(done);
  expect_text(done.error().text, {"at the same time", "try again"});
  EXPECT_EQ(rivals, 3);
  engine_of(*here_).before_next_txn(nullptr);
  expect_alike();
  EXPECT_EQ(phones(*here_).count("SEP001122334455"), 0U);
}

// Whichever way an answer is lost, a change that is told as made was made once.
TEST_F(Replica, ALostAnswerIsSettled) {
  for (const Lost how : {Lost::made, Lost::never, Lost::later}) {
    const std::string name = "SEP00112233440" + std::to_string(static_cast<int>(how));
    engine_of(*here_).lose_next_answer(how);
    ASSERT_TRUE(put(*here_, name));
    shared_->cluster().deliver();
    expect_alike();
    EXPECT_EQ(times_put(*there_, name), 1U);
  }
}

TEST_F(Replica, ALostAnswerIsSettledBehindTheChangesOfOthers) {
  engine_of(*here_).lose_next_answer(Lost::made, [&] { ASSERT_TRUE(put(*there_, "SEP001122334456")); });
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  expect_alike();
  EXPECT_EQ(times_put(*there_, "SEP001122334455"), 1U);
  EXPECT_EQ(times_put(*here_, "SEP001122334456"), 1U);
}

TEST_F(Replica, WithoutTheEngineNothingIsChangedAndAllIsServed) {
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  ASSERT_TRUE(boot_whole(*here_, "SEP001122334455"));
  engine_of(*here_).set_reachable(false);
  const auto counter = here_->change_counter().value();
  const auto done = put(*here_, "SEP001122334456");
  ASSERT_FALSE(done);
  expect_text(done.error().text, {"nothing can be changed in the cluster", "no member"});
  EXPECT_EQ(here_->change_counter().value(), counter);
  EXPECT_EQ(phones(*here_).size(), 1U);
  // The ledger, and the lists that there are, need none.
  EXPECT_TRUE(boot_whole(*here_, "SEP001122334455"));
  engine_of(*here_).set_reachable(true);
  EXPECT_TRUE(put(*here_, "SEP001122334456"));
  expect_alike();
}

TEST_F(Replica, WhereNobodyAnswersItIsNotKnown) {
  engine_of(*here_).lose_next_answer(Lost::made, [&] { engine_of(*here_).set_reachable(false); });
  const auto done = put(*here_, "SEP001122334455");
  ASSERT_FALSE(done);
  expect_text(done.error().text, {"not known whether the change was made", "anchorctl audit"});
  EXPECT_TRUE(phones(*here_).empty());
  engine_of(*here_).set_reachable(true);
  expect_alike();
  EXPECT_EQ(times_put(*here_, "SEP001122334455"), 1U);
}

TEST_F(Replica, CompactedChangesComeAsAWhole) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(*here_, "SEP00112233445" + std::to_string(i)));
  const std::string gone = "SEP001122334450";
  ASSERT_TRUE(remove_phones(*here_, {&gone, 1}));
  shared_->cluster().compact(shared_->cluster().revision());
  EXPECT_EQ(follow(*there_), "");
  EXPECT_EQ(phones(*there_).size(), 4U);
  expect_alike();
}

TEST_F(Replica, AKeyComesSealedAndGoesWithItsCertificate) {
  const auto before = keys_in(a_);
  const auto regenerated = regenerate(*here_, Service::capf, "", {.force = true, .hosts_agree = true});
  ASSERT_TRUE(regenerated) << regenerated.error().text;
  EXPECT_EQ(follow(*there_), "");
  ASSERT_TRUE(there_->load(KeyUse::with_keys));
  const auto after = keys_in(b_);
  EXPECT_EQ(after.size(), before.size());
  EXPECT_NE(after, before);
  // Nothing in the engine has a key in the clear.
  const auto all = shared_->cluster().open()->range({.keys = engine::KeyRange::prefix("/anchord/")}).value();
  for (const engine::KeyValue& value : all.values)
    EXPECT_EQ(value.value.find("PRIVATE KEY"), std::string::npos) << value.key;
}

TEST_F(Replica, AKeyOfTheSignerTakesTheOldOneAlong) {
  ASSERT_TRUE(regenerate(*here_, Service::tftp, "", {.force = true, .hosts_agree = true}));
  ASSERT_TRUE(keys_in(a_).contains("former.sealing"));
  expect_alike();
}

TEST_F(Replica, ASealedKeyIsOfItsCertificateAlone) {
  const Buffer key(32, 7), other(32, 8);
  const std::string sealed = seal_key(key, "s/key/a", "certificate", as_bytes("secret"));
  EXPECT_EQ(open_key(key, "s/key/a", "certificate", sealed)->text(), "secret");
  EXPECT_FALSE(open_key(other, "s/key/a", "certificate", sealed));
  EXPECT_FALSE(open_key(key, "s/key/b", "certificate", sealed));
  EXPECT_FALSE(open_key(key, "s/key/a", "another", sealed));
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(open_key(key, "s/key/a", "certificate", sealed.substr(0, size)));
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(open_key(key, "s/key/a", "certificate", changed));
  }
}

// What the other host gave to phones is not known here.
TEST_F(Replica, AGuardedChangeIsRefusedWhileOthersCount) {
  ASSERT_TRUE(set_mode(*here_, trust::Mode::mixed, {.hosts_agree = true}));
  SharedFollower follower(Store::open(b_).value());
  follower.follow(0);
  ASSERT_EQ(follower.report().problem, "");
  for (Store* store : {&*here_, &*there_}) {
    const auto done = set_mode(*store, trust::Mode::nonsecure, {.force = true, .hosts_agree = true});
    if (store == &*here_) {
      ASSERT_FALSE(done);
      expect_text(done.error().text, {"cucm2", "cluster leave"});
    }
  }
  EXPECT_TRUE(drop_unneeded(*here_, calendar_now()).value().empty());
  // What can lock nobody goes on.
  EXPECT_TRUE(put(*here_, "SEP001122334455"));
}

TEST_F(Replica, AHostThatComesAtThatMomentStopsAGuardedChange) {
  engine_of(*here_).before_next_txn([&] {
    SharedFollower follower(Store::open(b_).value());
    follower.follow(0);
  });
  EXPECT_FALSE(set_mode(*here_, trust::Mode::mixed, {.hosts_agree = true}));
  EXPECT_EQ(here_->load(KeyUse::without_keys).value().cluster.mode, trust::Mode::nonsecure);
}

TEST_F(Replica, AnEmptiedEngineIsNotFollowed) {
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  engine::Txn txn;
  txn.then.emplace_back(engine::Delete{engine::KeyRange::prefix("/anchord/")});
  ASSERT_TRUE(shared_->cluster().open()->txn(txn));
  expect_text(follow(*here_), {"nothing of this cluster", "cluster leave"});
  EXPECT_FALSE(put(*here_, "SEP001122334456"));
  EXPECT_EQ(phones(*here_).size(), 1U);
}

TEST_F(Replica, AnotherEngineIsNotFollowed) {
  shared_->cluster().replace();
  Store again = Store::open(a_).value();
  expect_text(follow(again), {"another etcd answers"});
}

TEST_F(Replica, AnOlderEngineIsNotFollowed) {
  const auto old = shared_->cluster().open()->range({.keys = engine::KeyRange::prefix("/anchord/")}).value();
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  engine::Txn txn;
  for (const engine::KeyValue& value : old.values)
    if (value.key.ends_with("/p/head")) txn.then.emplace_back(engine::Put{value.key, value.value});
  ASSERT_TRUE(shared_->cluster().open()->txn(txn));
  expect_text(follow(*here_), {"less than this host", "change is 1"});
  EXPECT_FALSE(put(*here_, "SEP001122334456"));
}

TEST_F(Replica, RowsThatNoChangeMadeAreNotTaken) {
  engine::Txn txn;
  const std::string prefix = "/anchord/" + here_->load(KeyUse::without_keys).value().cluster.id + "/";
  txn.then.emplace_back(engine::Put{prefix + "p/t/phones/SEP001122334455", "{}"});
  ASSERT_TRUE(shared_->cluster().open()->txn(txn));
  ASSERT_TRUE(put(*here_, "SEP001122334456") || true);
  expect_text(follow(*there_), {"by no change of Anchord's"});
  EXPECT_TRUE(phones(*there_).empty());
}

TEST_F(Replica, RowsThatAreNoneStopIt) {
  const std::string prefix = "/anchord/" + here_->load(KeyUse::without_keys).value().cluster.id + "/";
  const auto engine = shared_->cluster().open();
  const auto head = engine->range({.keys = engine::KeyRange::one(prefix + "p/head")}).value().values.front();
  const std::string next = Head{.number = 2, .id = "0011223344556677", .host = "cucm2", .at = 1}.text();
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"phones/SEP001122334455",
            R"({"name":"SEP001122334456","model":"","sha256":null,"certificate":null})"},
           {"phones/SEP001122334457", R"({"name":"short","model":"","sha256":null,"certificate":null})"},
           {"phones/SEP001122334458", R"({"name":"SEP001122334458","model":""})"},
           {"phones/SEP001122334459", R"([[[[[[[[[[)"},
           {"phones/SEP00112233445A",
            R"({"name":{"b":{"b":"AA=="}},"model":"","sha256":null,"certificate":null})"},
           {"plans/1", "{}"},
           {"identities/..%2f", "{}"},
           {"identities/../capf.key", "{}"},
           {"certificates/x", "{}"}}) {
    engine::Txn txn;
    txn.then.emplace_back(engine::Put{prefix + "p/head", next});
    txn.then.emplace_back(engine::Put{prefix + "p/t/" + key, value});
    ASSERT_TRUE(engine->txn(txn));
    const std::string problem = follow(*there_);
    EXPECT_NE(problem.find("in the engine is no"), std::string::npos) << key << ": " << problem;
    EXPECT_TRUE(phones(*there_).empty());
    // As it was, for the next.
    engine::Txn undo;
    undo.then.emplace_back(engine::Put{prefix + "p/head", head.value});
    undo.then.emplace_back(engine::Delete{engine::KeyRange::one(prefix + "p/t/" + key)});
    ASSERT_TRUE(engine->txn(undo));
    shared_->cluster().compact(shared_->cluster().revision());
    ASSERT_EQ(follow(*there_), "");
  }
}

TEST_F(Replica, ANewerHostStopsOlderOnes) {
  const std::string prefix = "/anchord/" + here_->load(KeyUse::without_keys).value().cluster.id + "/";
  engine::Txn txn;
  txn.then.emplace_back(engine::Put{prefix + "p/head", R"({"v":2,"n":2,"id":"x","trust":0})"});
  ASSERT_TRUE(shared_->cluster().open()->txn(txn));
  expect_text(follow(*there_), {"newer Anchord", "upgrade"});
}

TEST_F(Replica, ItIsSharedOnce) {
  const auto again = share_cluster(*here_, {.members = shared_->url()}, "cucm2");
  ASSERT_FALSE(again);
  expect_text(again.error().text, {"already", "cucm1", "cluster leave"});
  // A copy from before does not know of it, and finds it there.
  ASSERT_TRUE(leave_cluster(*there_, false));
  const auto copy = share_cluster(*there_, {.members = shared_->url()}, "cucm2");
  ASSERT_FALSE(copy);
  expect_text(copy.error().text, {"has this cluster already", "cluster ticket"});
  EXPECT_FALSE(fs::exists(b_ / "cluster"));
  EXPECT_TRUE(put(*there_, "SEP001122334455")) << "a single machine";
  EXPECT_EQ(follow(*here_), "");
  EXPECT_TRUE(phones(*here_).empty());
}

TEST_F(Replica, WhoLeavesIsASingleMachine) {
  SharedFollower follower(Store::open(b_).value());
  follower.follow(0);
  ASSERT_TRUE(follower.report().member);
  const auto left = leave_cluster(*there_, false);
  ASSERT_TRUE(left) << left.error().text;
  EXPECT_EQ(left->before.host, "cucm2");
  follower.follow(0);
  EXPECT_FALSE(follower.report().member);
  EXPECT_FALSE(fs::exists(b_ / "cluster"));
  // The others do not wait for it.
  EXPECT_TRUE(set_mode(*here_, trust::Mode::mixed, {.hosts_agree = true}));
  EXPECT_FALSE(leave_cluster(*there_, false));
}

TEST_F(Replica, WhoLeavesAnEngineThatIsAwayIsCountedByTheOthers) {
  SharedFollower(Store::open(b_).value()).follow(0);
  engine_of(*there_).set_reachable(false);
  const auto refused = leave_cluster(*there_, false);
  ASSERT_FALSE(refused);
  expect_text(refused.error().text, {"cannot be told", "--force"});
  EXPECT_TRUE(membership_of(*there_).value());
  const auto left = leave_cluster(*there_, true);
  ASSERT_TRUE(left);
  EXPECT_NE(left->untold, "");
  EXPECT_FALSE(set_mode(*here_, trust::Mode::mixed, {.hosts_agree = true}));
}

TEST_F(Replica, AFolderThatIsGoneIsNoSingleMachine) {
  fs::remove_all(a_ / "cluster");
  Store again = Store::open(a_).value();
  const auto done = put(again, "SEP001122334455");
  ASSERT_FALSE(done);
  expect_text(done.error().text, {"cluster", "is missing", "cluster leave"});
  EXPECT_TRUE(again.load(KeyUse::with_keys));
}

TEST_F(Replica, ATicketMakesAMember) {
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  const fs::path ticket = folder_.path / "ticket", state = folder_.path / "joined";
  const Bytes passphrase = as_bytes("correct horse");
  ASSERT_TRUE(write_cheap_ticket("cucm2", ticket));
  // Made since, and known to who joins.
  ASSERT_TRUE(put(*here_, "SEP001122334456"));
  ASSERT_TRUE(regenerate(*here_, Service::capf, "", {.force = true, .hosts_agree = true}));
  const auto joined = join_cluster(ticket, state, passphrase, {}, {});
  ASSERT_TRUE(joined) << joined.error().text;
  EXPECT_EQ(joined->host, "cucm2");
  Store member = Store::open(state).value();
  EXPECT_EQ(shared_rows(member), shared_rows(*here_));
  EXPECT_EQ(keys_in(state), keys_in(a_));
  EXPECT_FALSE(fs::exists(state / "cluster-ticket.json"));
  EXPECT_EQ(fs::status(state / "cluster").permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(state / "cluster" / "cluster.key").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_TRUE(put(member, "SEP001122334457"));
  EXPECT_EQ(follow(*here_), "");
  EXPECT_EQ(phones(*here_).size(), 3U);
  // It counts from then on.
  EXPECT_FALSE(set_mode(*here_, trust::Mode::mixed, {.force = true, .hosts_agree = true}));
  // Once.
  const auto twice = join_cluster(ticket, folder_.path / "twice", passphrase, {}, {});
  ASSERT_FALSE(twice);
  expect_text(twice.error().text, {"cucm2", "member", "--replace"});
  EXPECT_FALSE(fs::exists(folder_.path / "twice"));
  EXPECT_TRUE(join_cluster(ticket, folder_.path / "twice", passphrase, {.replace = true}, {}));
}

TEST_F(Replica, ATicketIsNoBackupAndABackupNoTicket) {
  const fs::path ticket = folder_.path / "ticket", backup = folder_.path / "backup";
  const Bytes passphrase = as_bytes("correct horse");
  ASSERT_TRUE(write_cheap_ticket("cucm2", ticket));
  ASSERT_TRUE(write_backup(a_, backup, passphrase, {.log2_n = 4, .r = 8, .p = 1}, calendar_now(), {}));
  const auto restored = restore_backup(ticket, folder_.path / "restored", passphrase, {}, {});
  ASSERT_FALSE(restored);
  expect_text(restored.error().text, {"ticket", "cluster join"});
  const auto joined = join_cluster(backup, folder_.path / "joined", passphrase, {}, {});
  ASSERT_FALSE(joined);
  expect_text(joined.error().text, {"backup", "cluster ticket"});
  EXPECT_FALSE(write_cheap_ticket("cucm1.example.com", ticket));
  EXPECT_FALSE(write_cheap_ticket("cucm9", ticket));
  // What a backup makes is a single machine, which changes what it likes.
  ASSERT_TRUE(restore_backup(backup, folder_.path / "restored", passphrase, {}, {}));
  Store single = Store::open(folder_.path / "restored").value();
  EXPECT_FALSE(membership_of(single).value());
  EXPECT_FALSE(fs::exists(folder_.path / "restored" / "cluster"));
  EXPECT_TRUE(put(single, "SEP001122334455"));
  EXPECT_EQ(follow(*here_), "");
  EXPECT_TRUE(phones(*here_).empty());
}

TEST_F(Replica, TheFollowerTakesOverWhileItWaits) {
  SharedFollower follower(Store::open(b_).value());
  EXPECT_FALSE(follower.follow(0));
  std::thread changing([&] { ASSERT_TRUE(put(*here_, "SEP001122334455")); });
  bool came = false;
  for (int i = 0; i < 1000 && !came; ++i) came = follower.follow(1000);
  changing.join();
  EXPECT_TRUE(came);
  EXPECT_EQ(phones(*there_).size(), 1U);
  EXPECT_EQ(follower.report().member->number, 2);
  EXPECT_EQ(follower.report().newest, 2);
}

TEST_F(Replica, TheFollowerGoesOnWhenTheEngineIsBack) {
  Store store = Store::open(b_).value();
  engine::test::FakeEngine& engine = engine_of(store);
  SharedFollower follower(std::move(store));
  follower.follow(0);
  engine.set_reachable(false);
  ASSERT_TRUE(put(*here_, "SEP001122334455"));
  EXPECT_FALSE(follower.follow(0));
  EXPECT_NE(follower.report().problem, "");
  engine.set_reachable(true);
  EXPECT_TRUE(follower.follow(0));
  EXPECT_EQ(follower.report().problem, "");
  EXPECT_EQ(phones(*there_).size(), 1U);
}

TEST_F(Replica, RemovedPhonesAreExpectedNowhere) {
  const std::string name = "SEP001122334455";
  ASSERT_TRUE(put(*here_, name));
  EXPECT_EQ(follow(*there_), "");
  ASSERT_TRUE(boot_whole(*there_, name));
  ASSERT_TRUE(remove_phones(*here_, {&name, 1}));
  EXPECT_EQ(follow(*there_), "");
  EXPECT_TRUE(ledger_entry(*there_, name).value().value().removed);
}

// The names are such as people have, and no UTF-8.
TEST_F(Replica, TextsThatAreNoUtf8AreTheSameElsewhere) {
  const std::string odd = "SEP001122334455";
  ASSERT_TRUE(shared_write(here_->session(), Guarded::no, [&](SharedWrite& writing) -> Status {
    ANCHORD_TRY(execute(here_->session().database,
                        "INSERT INTO phones (name, model) VALUES (?, CAST(X'41FF42' AS TEXT))", odd));
    return writing.commit();
  }));
  expect_alike();
}

TEST_F(Replica, MoreRowsThanTheEngineTakesAreRefusedWithTheRemedy) {
  std::vector<trust::Phone> phones;
  for (int i = 0; i < 200; ++i)
    phones.push_back({"SEP0011223340" + std::to_string(100 + i).substr(1), "", {}});
  for (int i = 0; i < 100; ++i) phones[static_cast<std::size_t>(100 + i)].name[3] = '1';
  const auto done = put_phones(*here_, phones);
  ASSERT_FALSE(done);
  expect_text(done.error().text, {"not made", "in parts", "--max-txn-ops"});
  EXPECT_TRUE(this->phones(*here_).empty());
}

}  // namespace
}  // namespace anchord::store
