// What boots may prove is set for the cluster, and an administrator's word goes beyond it.
#include "anchord/store/evidence.h"

#include <gtest/gtest.h>

#include "anchord/store/ledger_file.h"
#include "anchord/store/recover.h"
#include "boots.h"
#include "fixture.h"

namespace anchord::store {
namespace {

using trust::Evidence;
using trust::ListKind;

constexpr char kElsewhere[] = "203.0.113.9";

class EvidenceStore : public StoreTest {
 protected:
  trust::Cluster load() { return store_.load(KeyUse::without_keys).value().cluster; }
  LedgerEntry entry() { return ledger_entry(store_, kPhone).value().value(); }
  std::size_t may_hold() { return entry().may_hold(ListKind::itl).size(); }
  void regenerate_tftp() { ASSERT_TRUE(regenerate(store_, trust::Service::tftp, "", {.hosts_agree = true})); }
  // All that a phone does, from there.
  void boot_from(const char* address) {
    auto itl = current_itl(store_, store_.load(KeyUse::with_keys)->cluster, calendar_now()).value();
    Seen seen(kPhone);
    seen.asked(ListKind::ctl)
        .given(ListKind::itl, list_version(itl.content))
        .vouched(load().tftp.certificate)
        .acted();
    for (trust::Observation& one : seen.change().seen) one.from = address;
    seen.change().of(DeliveredKind::itl).address = address;
    ASSERT_TRUE(note(store_, seen));
  }

  Store store_ = open();
};

TEST_F(EvidenceStore, IsSetOnceAndAudited) {
  EXPECT_EQ(load().evidence, Evidence::ordinary);
  auto counter = store_.change_counter().value();
  EXPECT_TRUE(set_evidence(store_, Evidence::strict).value());
  expect_text(audit_entries(store_, 1).value()[0].what, {"evidence", "strict", "ordinary"});
  auto entries = audit_entries(store_, 1000)->size();
  EXPECT_FALSE(set_evidence(store_, Evidence::strict).value());
  EXPECT_EQ(audit_entries(store_, 1000)->size(), entries);
  store_ = open();
  EXPECT_EQ(load().evidence, Evidence::strict);
  EXPECT_EQ(store_.change_counter().value(), counter) << "phones are served nothing else";
}

TEST_F(EvidenceStore, ABootFromElsewhereCountsOrNot) {
  boot_from(kPhoneAddress);
  EXPECT_EQ(entry().belief.home, kPhoneAddress);
  regenerate_tftp();
  ASSERT_TRUE(set_evidence(store_, Evidence::strict));
  boot_from(kElsewhere);
  EXPECT_EQ(may_hold(), 2U);
  EXPECT_EQ(entry().belief.home, kPhoneAddress);
  // The service would make it a list of its own in vain.
  EXPECT_TRUE(unsettled_phones(store_)->empty());
  boot_from(kPhoneAddress);
  EXPECT_EQ(may_hold(), 1U);
  regenerate_tftp();
  ASSERT_TRUE(set_evidence(store_, Evidence::ordinary));
  boot_from(kElsewhere);
  EXPECT_EQ(may_hold(), 1U);
  EXPECT_EQ(entry().belief.home, kElsewhere);
}

TEST_F(EvidenceStore, AnAdministratorsWordSettles) {
  boot_from(kPhoneAddress);
  regenerate_tftp();
  ASSERT_TRUE(set_evidence(store_, Evidence::nothing));
  boot_from(kElsewhere);
  ASSERT_EQ(may_hold(), 2U);
  std::string name = kPhone;
  auto settled = settle_phones(store_, {&name, 1});
  ASSERT_TRUE(settled) << settled.error().text;
  ASSERT_EQ(settled->size(), 1U);
  EXPECT_EQ(settled->front().itl, entry().of(DeliveredKind::itl).version);
  EXPECT_EQ(settled->front().ctl, trust::kNoList);
  EXPECT_EQ(entry().may_hold(ListKind::itl), std::vector{settled->front().itl});
  EXPECT_EQ(entry().belief.home, kElsewhere);
  expect_text(audit_entries(store_, 1).value()[0].what, {kPhone, kElsewhere, "accepted"});
}

TEST_F(EvidenceStore, NobodysWordIsTakenForWhatWasNotGiven) {
  std::string name = kPhone;
  expect_text(settle_phones(store_, {&name, 1}).error().text, {kPhone, "never heard of"});
  Seen begun(kPhone);
  ASSERT_TRUE(note(store_, begun.given(ListKind::itl, 77, false)));
  expect_text(settle_phones(store_, {&name, 1}).error().text, {kPhone, "no ITL whole"});
  EXPECT_EQ(may_hold(), 2U);
}

TEST_F(EvidenceStore, AListOfAMissingRecordIsSettledToo) {
  boot_from(kPhoneAddress);
  ASSERT_TRUE(note_gap(store_, {.began = 0, .ended = calendar_now(), .why = "a test", .unkept = true}));
  ASSERT_GT(may_hold(), 1U);
  std::string name = kPhone;
  ASSERT_TRUE(settle_phones(store_, {&name, 1}));
  EXPECT_EQ(may_hold(), 1U);
}

TEST_F(EvidenceStore, AnotherHostsLedgerSaysWhereAPhoneIs) {
  boot_from(kPhoneAddress);
  std::string exported = export_ledger(store_, calendar_now()).value();
  ASSERT_TRUE(ask_database(dir_, "DELETE FROM ledger") <= 0);
  ASSERT_TRUE(import_ledger(store_, exported, calendar_now()));
  EXPECT_EQ(entry().belief.home, kPhoneAddress);
}

// A store of the version before this: everywhere is a phone where it last spoke.
TEST_F(EvidenceStore, ComesToAStoreOfVersion4) {
  boot_from(kPhoneAddress);
  store_ = init_store(folder_.path / "another", example_request()).value();
  {
    auto database = Database::open(database_, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run(R"(ALTER TABLE ledger DROP COLUMN home;
                                ALTER TABLE issued_lists RENAME TO handed_out;
                                ALTER TABLE ledger ADD COLUMN created_gap INTEGER NOT NULL DEFAULT 0;
                                ALTER TABLE cluster DROP COLUMN evidence;
                                DROP TABLE replica;
                                PRAGMA user_version = 4)"));
  }
  store_ = open();
  EXPECT_EQ(ask_database(dir_, "PRAGMA user_version"), 7);
  EXPECT_EQ(load().evidence, Evidence::ordinary);
  EXPECT_EQ(entry().belief.home, kPhoneAddress);
  EXPECT_TRUE(set_evidence(store_, Evidence::strict).value());
}

}  // namespace
}  // namespace anchord::store
