// The ledger: what phones were given, the lists that they may hold, and its limits.
#include "anchord/store/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "anchord/index/file_table.h"
#include "boots.h"
#include "database/session.h"
#include "fixture.h"
#include "tables/issued_lists.h"

namespace anchord::store {
namespace {

using trust::ListKind;

std::string phone(int number) {
  char text[16];
  std::snprintf(text, sizeof text, "SEP%012X", static_cast<unsigned>(number));
  return text;
}

class Ledger : public StoreTest {
 protected:
  void see(Seen& seen) {
    auto done = note(store_, seen);
    ASSERT_TRUE(done) << done.error().text;
  }
  // Booted whole, and was given that list.
  void boot_with(const std::string& device, trust::ListVersion itl, UnixSeconds at = 1000) {
    Seen seen(device, at);
    see(seen.asked(ListKind::ctl).given(ListKind::itl, itl).acted());
  }
  // A name that has only asked.
  void ask(const std::string& device, trust::ListVersion itl, UnixSeconds at = 1000) {
    Seen seen(device, at);
    see(seen.given(ListKind::itl, itl));
  }
  std::vector<trust::ListVersion> itls(const std::string& device) {
    return entry(device).may_hold(ListKind::itl);
  }
  LedgerEntry entry(const std::string& device) {
    auto found = ledger_entry(store_, device).value();
    EXPECT_TRUE(found) << device;
    return found.value_or(LedgerEntry());
  }
  // Kept, and its version.
  std::uint64_t keep(const std::string& name, const Buffer& content, UnixSeconds at = 1000) {
    auto done = keep_issued_list(store_.session().database, name, content, at);
    EXPECT_TRUE(done) << done.error().text;
    return list_version(content);
  }
  std::vector<Buffer> kept() {
    std::vector<Buffer> contents;
    auto lists = issued_lists(store_).value();
    for (const IssuedList& list : lists) contents.push_back(list.content);
    return contents;
  }
  Store store_ = open();
};

TEST_F(Ledger, KeepsWhatWasGivenAndWhatMayBeHeld) {
  Seen seen(phone(1), 1003);
  seen.given(ListKind::ctl, 7, false).given(ListKind::itl, 0xfedcba9876543210).acted();
  seen.change().of(DeliveredKind::configuration) = {
      "SEP000000000001.cnf.xml.sgn", 8, 1002, true, "https", "192.0.2.2"};
  seen.change().model = "8861";
  seen.change().questions = 3;
  seen.change().last_asked = 1003;
  auto counter = store_.change_counter().value();
  see(seen);
  EXPECT_EQ(store_.change_counter().value(), counter);
  store_ = open();
  LedgerEntry kept = entry(phone(1));
  EXPECT_EQ(kept.device, phone(1));
  EXPECT_EQ(kept.model, "8861");
  EXPECT_EQ(kept.questions, 3U);
  EXPECT_EQ(kept.last_asked, 1003);
  EXPECT_EQ(kept.created, 1003);
  EXPECT_EQ(kept.seen, 1003);
  EXPECT_TRUE(kept.belief.proven);
  EXPECT_EQ(kept.belief.address, kPhoneAddress);
  EXPECT_EQ(kept.may_hold(ListKind::ctl), (std::vector<trust::ListVersion>{0, 7}));
  EXPECT_EQ(kept.may_hold(ListKind::itl), (std::vector<trust::ListVersion>{0, 0xfedcba9876543210}));
  EXPECT_EQ(kept.of(DeliveredKind::itl).version, 0xfedcba9876543210);
  EXPECT_TRUE(kept.of(DeliveredKind::itl).whole);
  EXPECT_FALSE(kept.of(DeliveredKind::ctl).whole);
  EXPECT_EQ(kept.of(DeliveredKind::configuration).file, "SEP000000000001.cnf.xml.sgn");
  EXPECT_EQ(kept.of(DeliveredKind::configuration).protocol, "https");
  EXPECT_EQ(kept.of(DeliveredKind::configuration).address, "192.0.2.2");
  EXPECT_FALSE(ledger_entry(store_, phone(2)).value());
}

TEST_F(Ledger, ChangesAddUp) {
  Seen first(phone(1), 1000);
  first.given(ListKind::itl, 5);
  first.change().model = "8861";
  first.change().questions = 2;
  first.change().last_asked = 1000;
  see(first);
  Seen second(phone(1), 1100);
  second.given(ListKind::ctl, 6);
  second.change().questions = 3;
  second.change().last_asked = 900;  // late
  see(second);
  LedgerEntry kept = entry(phone(1));
  EXPECT_EQ(kept.of(DeliveredKind::itl).version, 5U);
  EXPECT_EQ(kept.of(DeliveredKind::ctl).version, 6U);
  EXPECT_EQ(kept.model, "8861");
  EXPECT_EQ(kept.questions, 5U);
  EXPECT_EQ(kept.last_asked, 1000);
  EXPECT_EQ(kept.created, 1000);
  EXPECT_EQ(kept.seen, 1100);
}

// The boot's parts come in different batches, since the service writes about once a second.
TEST_F(Ledger, ABootIsJudgedAcrossBatches) {
  auto cluster = store_.load(KeyUse::with_keys).value().cluster;
  auto itl = list_version(current_itl(store_, cluster, 1000).value().content);
  Seen first(phone(1));
  see(first.asked(ListKind::ctl).given(ListKind::itl, itl));
  EXPECT_EQ(itls(phone(1)).size(), 2U);
  store_ = open();
  Seen second(phone(1));
  see(second.acted());
  EXPECT_EQ(itls(phone(1)), std::vector{itl});
  EXPECT_GT(entry(phone(1)).belief.of(ListKind::itl).accepted_at, 0);
}

TEST_F(Ledger, NamesAndModelsAreClaims) {
  std::vector<LedgerChange> changes;
  for (const char* name : {"not a phone", "SEP000000000001", "sep00000000000a"}) {
    Seen seen(name, 1);
    changes.push_back(seen.given(ListKind::itl, 5).change());
  }
  changes[1].model = "two\nlines";
  changes[2].model = std::string(65, 'x');
  ASSERT_TRUE(note_in_ledger(store_, changes, kTestSession));
  auto all = ledger(store_).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].device, phone(1));
  EXPECT_EQ(all[0].model, "");
  EXPECT_EQ(all[1].device, phone(10));
  EXPECT_EQ(all[1].model, "");
}

TEST_F(Ledger, WhoHasOnlyAskedDoesNotCount) {
  std::uint64_t list = keep("ITLFile.tlv", {1}, 1000);
  ask(phone(1), list);
  auto all = holders(store_).value();
  EXPECT_EQ(all.devices, 0U);
  EXPECT_EQ(all.unproven, 1U);
  boot_with(phone(1), list);
  all = holders(store_).value();
  EXPECT_EQ(all.devices, 1U);
  EXPECT_EQ(all.unproven, 0U);
}

TEST_F(Ledger, WhomTheClusterExpectsCountsAlways) {
  std::uint64_t list = keep("ITLFile.tlv", {1}, 1000);
  trust::Phone one{phone(1), "8861", {}};
  ASSERT_TRUE(put_phones(store_, {&one, 1}));
  std::ofstream(dir_ / "provisioning" / (phone(2) + ".cnf.xml")) << "<device/>";
  std::ofstream(dir_ / "devices" / (phone(3) + ".pem")) << "a certificate";
  std::ofstream(dir_ / "provisioning" / "RINGLIST.XML") << "<x/>";
  for (int i : {1, 2, 3, 4}) ask(phone(i), list);
  EXPECT_EQ(expected_devices(store_).value(), (std::set{phone(1), phone(2), phone(3)}));
  auto all = holders(store_).value();
  EXPECT_EQ(all.devices, 3U);
  EXPECT_EQ(all.unproven, 1U);
  EXPECT_EQ(all.never_seen.count, 0U);
  one.name = phone(5);
  ASSERT_TRUE(put_phones(store_, {&one, 1}));
  EXPECT_EQ(holders(store_)->never_seen.first, std::vector{phone(5)});
}

TEST_F(Ledger, RemovingAPhoneKeepsWhatItMayHold) {
  std::uint64_t list = keep("ITLFile.tlv", {1}, 1000);
  trust::Phone one{phone(1), "8861", {}};
  ASSERT_TRUE(put_phones(store_, {&one, 1}));
  boot_with(phone(1), list);
  boot_with(phone(2), list);
  auto counter = store_.change_counter().value();
  std::string only_there = phone(2);
  ASSERT_TRUE(remove_phones(store_, {&only_there, 1}));
  EXPECT_EQ(store_.change_counter().value(), counter);
  expect_text(audit_entries(store_, 1).value()[0].what, {"removed phone", phone(2)});
  ASSERT_TRUE(remove_phones(store_, {&one.name, 1}));
  EXPECT_EQ(store_.change_counter().value(), counter + 1);
  EXPECT_EQ(holders(store_)->devices, 0U);
  expect_text(remove_phones(store_, {&only_there, 1}).error().text, {"no phone", phone(2)});
  ask(phone(2), list);
  EXPECT_EQ(holders(store_)->devices, 1U);
  EXPECT_TRUE(std::ranges::count(itls(phone(2)), list) == 1);
}

// A flood of names pushes out nobody who is known.
TEST_F(Ledger, InventedNamesPushOutOnlyOneAnother) {
  std::uint64_t list = keep("ITLFile.tlv", {1}, 1000);
  boot_with(phone(2'000'000), list, 1);
  std::ofstream(dir_ / "provisioning" / (phone(2'000'001) + ".cnf.xml")) << "<device/>";
  ask(phone(2'000'001), list, 2);
  const auto believed = itls(phone(2'000'000));
  // As many as once pushed a phone out of the ledger, and as fast as the service would write them.
  constexpr int kNames = 220'000, kSeconds = 20;
  for (int second = 0; second < kSeconds; ++second) {
    std::vector<LedgerChange> many;
    for (int i = 0; i < kNames / kSeconds; ++i) {
      Seen seen(phone(second * (kNames / kSeconds) + i), 10'000 + second);
      many.push_back(seen.given(ListKind::itl, list).change());
    }
    ASSERT_TRUE(note_in_ledger(store_, many, kTestSession));
  }
  auto held = holders(store_).value();
  EXPECT_EQ(held.devices, 2U) << "changes are judged by the phones that there are";
  EXPECT_EQ(held.unproven,
            kMaxUnproven - 1);  // one of the places is that of the phone which has a configuration
  EXPECT_EQ(itls(phone(2'000'000)), believed);
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM ledger WHERE proven = 0"), kMaxUnproven);
  EXPECT_TRUE(ledger_entry(store_, phone(2'000'000)).value());
  EXPECT_TRUE(ledger_entry(store_, phone(2'000'001)).value());
  EXPECT_FALSE(ledger_entry(store_, phone(0)).value());
  EXPECT_TRUE(ledger_entry(store_, phone(kNames - 1)).value());
  EXPECT_EQ(
      ask_database(dir_, "SELECT count(*) FROM ledger_given WHERE device NOT IN (SELECT device FROM ledger)"),
      0);
}

TEST_F(Ledger, AGapConcernsWhoeverHasNotAcceptedAListSince) {
  std::uint64_t before = keep("ITLFile.tlv", {1}, 1000);
  std::uint64_t within = keep("ITLFile.tlv", {2}, 2000);
  std::uint64_t after = keep("ITLFile.tlv", {3}, 3000);
  trust::Phone one{phone(2), "", {}};
  ASSERT_TRUE(put_phones(store_, {&one, 1}));
  Seen seen(phone(1), 1500);
  see(seen.given(ListKind::itl, before, false));
  ASSERT_TRUE(note_gap(store_, {.began = 2500, .ended = 2600, .why = "power"}));
  EXPECT_EQ(std::ranges::count(itls(phone(1)), before), 1);
  EXPECT_EQ(std::ranges::count(itls(phone(1)), within), 1);
  EXPECT_EQ(std::ranges::count(itls(phone(1)), after), 0);
  EXPECT_EQ(std::ranges::count(itls(phone(2)), within), 1)
      << "it was never heard of, and may have been there";
  ask(phone(3), after, 2700);
  EXPECT_EQ(std::ranges::count(itls(phone(3)), within), 1) << "it may have booted there for the first time";
  constexpr UnixSeconds kWeek = 7 * 24 * 3600;
  ask(phone(4), after, 2600 + kWeek + 1);
  EXPECT_EQ(std::ranges::count(itls(phone(4)), within), 0) << "it is a new phone";
}

TEST_F(Ledger, BeforeThereWasALedgerAnybodyMayHaveBeenGivenAnything) {
  std::uint64_t before = keep("ITLFile.tlv", {1}, 1000);
  ASSERT_TRUE(note_gap(store_, {.began = 0, .ended = 1500, .why = "adopted"}));
  ask(phone(3), before, 2700);
  EXPECT_EQ(std::ranges::count(itls(phone(3)), before), 1);
}

TEST_F(Ledger, AGapThatGoesOnIsOne) {
  for (UnixSeconds at = 1000; at < 1100; ++at)
    ASSERT_TRUE(note_gap(store_, {.began = at, .ended = at + 1, .why = "full disk"}));
  auto gaps = ledger_gaps(store_).value();
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].began, 1000);
  EXPECT_EQ(gaps[0].ended, 1100);
}

TEST_F(Ledger, MergingLosesNothing) {
  std::uint64_t a = keep("ITLFile.tlv", {1}, 1000);
  boot_with(phone(1), a, 1000);
  fs::copy(dir_, folder_.path / "copy", fs::copy_options::recursive);
  Store other = Store::open(folder_.path / "copy").value();
  ASSERT_TRUE(keep_issued_list(other.session().database, "ITLFile.tlv", Buffer{2}, 1500));
  std::uint64_t b = list_version(Buffer{2});
  Seen there(phone(1), 2000);
  ASSERT_TRUE(note(other, there.given(ListKind::itl, b, false)));
  Seen only_there(phone(2), 2000);
  ASSERT_TRUE(note(other, only_there.given(ListKind::itl, b).acted()));
  Seen only_here(phone(3), 2000);
  see(only_here.given(ListKind::itl, a).acted());
  ASSERT_TRUE(merge_ledger(store_, ledger(other).value(), issued_lists(other).value(),
                           ledger_gaps(other).value(), 0));
  EXPECT_EQ(std::ranges::count(itls(phone(1)), a) + std::ranges::count(itls(phone(1)), b), 2);
  EXPECT_EQ(std::ranges::count(itls(phone(2)), b), 1);
  EXPECT_EQ(std::ranges::count(itls(phone(3)), a), 1);
  EXPECT_EQ(holders(store_)->unknown.count, 0U);
  EXPECT_EQ(kept().size(), 2U);
}

// Each copy has gaps of its own, and phones that the other may have seen in them.
TEST_F(Ledger, MergingTakesGapsForPhonesThatOnlyTheOtherHasHeardOf) {
  std::uint64_t list = keep("ITLFile.tlv", {1}, 1000);
  std::uint64_t later = keep("ITLFile.tlv", {2}, 5000);
  fs::copy(dir_, folder_.path / "copy", fs::copy_options::recursive);
  Store other = Store::open(folder_.path / "copy").value();
  ASSERT_TRUE(boot_whole(store_, phone(6), 1500));
  ASSERT_TRUE(note_gap(store_, {.began = 2000, .ended = 2500, .why = "power here"}));
  ASSERT_TRUE(note_gap(other, {.began = 3000, .ended = 3500, .why = "power there"}));
  ASSERT_TRUE(boot_whole(store_, phone(1), 3510));
  ASSERT_TRUE(boot_whole(store_, phone(2), 9000));
  ASSERT_TRUE(boot_whole(other, phone(3), 2510));
  ASSERT_TRUE(boot_whole(other, phone(4), 9000));
  ASSERT_TRUE(boot_whole(other, phone(6), 1900));
  ASSERT_TRUE(merge_ledger(store_, ledger(other).value(), issued_lists(other).value(),
                           ledger_gaps(other).value(), 300));
  auto may_hold_it = [&](int number) { return std::ranges::count(itls(phone(number)), list) == 1; };
  EXPECT_TRUE(may_hold_it(1)) << "it may have been there in the other's gap";
  EXPECT_FALSE(may_hold_it(2)) << "it has accepted a list since";
  EXPECT_TRUE(may_hold_it(3)) << "it may have been here in this one's gap";
  EXPECT_TRUE(may_hold_it(6)) << "it may have been here after it was there last";
  EXPECT_FALSE(may_hold_it(4)) << "it has accepted a list since";
  ask(phone(5), later, 9000);
  EXPECT_TRUE(may_hold_it(5)) << "it may have been there for the first time";
}

TEST_F(Ledger, ListsAreKeptByVersionNewestFirst) {
  keep("ITLFile.tlv", {1}, 1000);
  keep("ITLSEP000000000001.tlv", {2}, 3000);
  keep("ITLFile.tlv", {3}, 2000);
  auto lists = issued_lists(store_).value();
  ASSERT_EQ(lists.size(), 3U);
  EXPECT_EQ(lists[0].name, "ITLSEP000000000001.tlv");
  EXPECT_EQ(lists[0].version, list_version(Buffer{2}));
  EXPECT_EQ(lists[1].content, Buffer{3});
  EXPECT_EQ(lists[1].built_at, 2000);
  keep("ITLFile.tlv", {1}, 4000);  // an old one has come back
  EXPECT_EQ(issued_lists(store_).value()[0].content, Buffer{1});
  EXPECT_EQ(kept().size(), 3U);
}

TEST_F(Ledger, BuiltListsAreKeptToo) {
  auto cluster = store_.load(KeyUse::with_keys).value().cluster;
  auto itl = current_itl(store_, cluster, 1000).value();
  EXPECT_EQ(kept(), (std::vector<Buffer>{itl.content}));
}

TEST_F(Ledger, HoldersAreGroupedByAllThatTheyMayHold) {
  std::uint64_t a = keep("ITLFile.tlv", {1}, 1000);
  std::uint64_t b = keep("ITLFile.tlv", {2}, 1001);
  std::uint64_t ctl = keep("CTLFile.tlv", {3}, 1001);
  for (int i = 0; i < 5; ++i) boot_with(phone(i), a);
  Seen both(phone(5), 1000);
  see(both.given(ListKind::ctl, ctl, false).given(ListKind::itl, a, false).given(ListKind::itl, b).acted());
  auto all = holders(store_).value();
  EXPECT_EQ(all.devices, 6U);
  EXPECT_EQ(all.unknown.count, 0U);
  auto count = [&](const Buffer& its_ctl, const Buffer& its_itl) {
    std::size_t found = 0;
    for (const auto& group : all.groups)
      if (group.ctl == its_ctl && group.itl == its_itl) found += group.count;
    return found;
  };
  // Those lists are none that a phone could accept, so that each may hold nothing still.
  EXPECT_EQ(count({}, {1}), 6U);
  EXPECT_EQ(count({}, {2}), 1U);
  EXPECT_EQ(count({3}, {1}), 1U);
  EXPECT_EQ(count({3}, {2}), 1U);
  EXPECT_EQ(count({3}, {}), 1U);
  EXPECT_EQ(count({}, {}), 6U);
}

TEST_F(Ledger, OwnListsThatAreServedTellHoldersApart) {
  std::uint64_t a = keep("ITLFile.tlv", {1}, 1000);
  boot_with(phone(1), a);
  boot_with(phone(2), a);
  OwnList own{"ITL" + phone(1) + ".tlv", Buffer{9}};
  ASSERT_TRUE(put_own_lists(store_, {&own, 1}, 1000));
  EXPECT_EQ(own_list_versions(store_)->at(own.name), list_version(Buffer{9}));
  auto all = holders(store_).value();
  std::size_t with_own = 0;
  for (const auto& group : all.groups) with_own += group.own_itl == Buffer{9} ? group.count : 0;
  EXPECT_EQ(with_own, 2U);  // holds nothing, or the list
  ASSERT_TRUE(put_own_lists(store_, {}, 1000));
  EXPECT_TRUE(own_list_versions(store_)->empty());
}

TEST_F(Ledger, WhatSingleDevicesMayHoldIsToldInPairs) {
  std::uint64_t a = keep("ITLFile.tlv", {1}, 1000);
  boot_with(phone(1), a);
  boot_with(phone(3), keep("ITLFile.tlv", {3}, 1001));
  boot_with(phone(4), 12345);  // is not kept
  auto held = held_pairs(store_, {phone(1), phone(2), phone(4)}).value();
  using Pairs = std::set<HeldPairs::Pair>;
  const HeldPairs::Pair nothing{trust::kNoList, trust::kNoList};
  EXPECT_EQ(held.by_device.at(phone(1)), (Pairs{nothing, {trust::kNoList, a}}));
  EXPECT_EQ(held.by_device.at(phone(2)), Pairs{nothing});
  EXPECT_EQ(held.by_device.at(phone(4)), Pairs{nothing});
  EXPECT_EQ(held.lists, (std::map<trust::ListVersion, Buffer>{{trust::kNoList, {}}, {a, {1}}}));
  EXPECT_EQ(held_pairs(store_, {phone(3)})->lists.size(), 2U);
}

TEST_F(Ledger, HoldersOfListsThatAreNotKeptAreUnknown) {
  std::uint64_t a = keep("ITLFile.tlv", {1}, 1000);
  std::uint64_t damaged = keep("ITLFile.tlv", {2}, 1001);
  boot_with(phone(0), a);
  boot_with(phone(1), 12345);
  boot_with(phone(3), damaged);
  {
    auto database = Database::open(database_, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run("UPDATE issued_lists SET content = x'05' WHERE content = x'02'"));
  }
  auto all = holders(store_).value();
  EXPECT_EQ(all.devices, 3U);
  EXPECT_EQ(all.unknown.count, 2U);
  EXPECT_EQ(all.unknown.first, (std::vector{phone(1), phone(3)}));
}

// The version is the one that the served file has in the table of files.
TEST_F(Ledger, VersionsAreTheFileTables) {
  Buffer content{1, 2, 3};
  std::vector<index::FileChange> files{{"ITLFile.tlv", index::FileBody{{}, index::Blob(content)}}};
  auto table = index::FileTable().with(files);
  keep("ITLFile.tlv", content);
  EXPECT_EQ(issued_lists(store_).value()[0].version, table.find("ITLFile.tlv")->version);
}

}  // namespace
}  // namespace anchord::store
