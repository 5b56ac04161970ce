// The ledger: what phones were given, the lists that they may hold, and its limits.
#include "anchord/store/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "anchord/index/file_table.h"
#include "fixture.h"

namespace anchord::store {
namespace {

std::string phone(int number) {
  char text[16];
  std::snprintf(text, sizeof text, "SEP%012X", static_cast<unsigned>(number));
  return text;
}

GivenFile given(std::uint64_t version, UnixSeconds at, std::uint64_t unsure = 0) {
  return {"ITLFile.tlv", version, at, unsure, "tftp", "192.0.2.9"};
}

LedgerChange change(const std::string& device, const GivenFile& itl, const GivenFile& ctl = {}) {
  LedgerChange change{.device = device, .given = {}, .model = {}};
  change.of(Given::itl) = itl;
  change.of(Given::ctl) = ctl;
  return change;
}

std::uint64_t version_of(const Buffer& content) {
  return index::version_of({.header = {}, .content = index::Blob(content)});
}

class Ledger : public StoreTest {
 protected:
  void note(const LedgerChange& one) {
    auto done = note_in_ledger(store_, {&one, 1});
    ASSERT_TRUE(done) << done.error().text;
  }
  LedgerEntry entry(const std::string& device) {
    auto found = ledger_entry(store_, device).value();
    EXPECT_TRUE(found) << device;
    return found.value_or(LedgerEntry());
  }
  // Kept, and its version.
  std::uint64_t keep(const std::string& name, const Buffer& content, UnixSeconds at = 1000) {
    auto done = keep_list(store_, name, content, at);
    EXPECT_TRUE(done) << done.error().text;
    return version_of(content);
  }
  std::vector<Buffer> kept() {
    std::vector<Buffer> contents;
    auto lists = handed_out_lists(store_).value();
    for (const HandedOut& list : lists) contents.push_back(list.content);
    return contents;
  }
  Store store_ = open();
};

TEST_F(Ledger, KeepsWhatWasGivenOfEachKind) {
  LedgerChange all =
      change(phone(1), given(0xfedcba9876543210, 1000), {"CTLFile.tlv", 7, 1001, 0, "http", "2001:db8::1"});
  all.of(Given::configuration) = {"SEP000000000001.cnf.xml.sgn", 8, 1002, 9, "https", "192.0.2.2"};
  all.model = "8861";
  all.questions = 3;
  all.last_asked = 1003;
  auto counter = store_.change_counter().value();
  note(all);
  EXPECT_EQ(store_.change_counter().value(), counter);
  store_ = open();
  LedgerEntry kept = entry(phone(1));
  EXPECT_EQ(kept.device, phone(1));
  EXPECT_EQ(kept.model, "8861");
  EXPECT_EQ(kept.questions, 3U);
  EXPECT_EQ(kept.last_asked, 1003);
  for (std::size_t i = 0; i < kGivenKinds; ++i) {
    EXPECT_EQ(kept.given[i].file, all.given[i].file);
    EXPECT_EQ(kept.given[i].version, all.given[i].version);
    EXPECT_EQ(kept.given[i].at, all.given[i].at);
    EXPECT_EQ(kept.given[i].unsure, all.given[i].unsure);
    EXPECT_EQ(kept.given[i].protocol, all.given[i].protocol);
    EXPECT_EQ(kept.given[i].address, all.given[i].address);
  }
  EXPECT_FALSE(ledger_entry(store_, phone(2)).value());
}

TEST_F(Ledger, ChangesAddUp) {
  LedgerChange first = change(phone(1), given(5, 1000));
  first.model = "8861";
  first.questions = 2;
  first.last_asked = 1000;
  note(first);
  LedgerChange second = change(phone(1), {}, given(6, 1100));
  second.questions = 3;
  second.last_asked = 900;  // late
  note(second);
  LedgerEntry kept = entry(phone(1));
  EXPECT_EQ(kept.of(Given::itl).version, 5U);
  EXPECT_EQ(kept.of(Given::ctl).version, 6U);
  EXPECT_EQ(kept.model, "8861");
  EXPECT_EQ(kept.questions, 5U);
  EXPECT_EQ(kept.last_asked, 1000);
}

TEST_F(Ledger, UnsureOneStandsBesideTheLastOneGivenInFull) {
  note(change(phone(1), given(5, 1000)));
  GivenFile begun = given(0, 1100, 6);
  begun.address = "192.0.2.77";
  note(change(phone(1), begun));
  EXPECT_EQ(entry(phone(1)).of(Given::itl).version, 5U);
  EXPECT_EQ(entry(phone(1)).of(Given::itl).unsure, 6U);
  EXPECT_EQ(entry(phone(1)).of(Given::itl).at, 1000);
  EXPECT_EQ(entry(phone(1)).of(Given::itl).address, "192.0.2.9");
  // The same again: it has that whatever became of it.
  note(change(phone(1), given(0, 1150, 5)));
  EXPECT_EQ(entry(phone(1)).of(Given::itl).unsure, 0U);
  note(change(phone(1), given(0, 1160, 6)));
  note(change(phone(1), given(6, 1200)));
  EXPECT_EQ(entry(phone(1)).of(Given::itl).version, 6U);
  EXPECT_EQ(entry(phone(1)).of(Given::itl).unsure, 0U);
  EXPECT_EQ(entry(phone(1)).of(Given::itl).at, 1200);
  note(change(phone(1), given(7, 1300, 8)));
  EXPECT_EQ(entry(phone(1)).of(Given::itl).unsure, 8U);
  // Never any in full.
  note(change(phone(2), begun));
  EXPECT_EQ(entry(phone(2)).of(Given::itl).version, 0U);
  EXPECT_EQ(entry(phone(2)).of(Given::itl).unsure, 6U);
  EXPECT_EQ(entry(phone(2)).of(Given::itl).address, "192.0.2.77");
}

TEST_F(Ledger, NamesAndModelsAreClaims) {
  std::vector<LedgerChange> changes{change("not a phone", given(5, 1)), change(phone(1), given(5, 1)),
                                    change("sep00000000000a", given(5, 1))};
  changes[1].model = "two\nlines";
  changes[2].model = std::string(65, 'x');
  ASSERT_TRUE(note_in_ledger(store_, changes));
  auto all = ledger(store_).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].device, phone(1));
  EXPECT_EQ(all[0].model, "");
  EXPECT_EQ(all[1].device, phone(10));
  EXPECT_EQ(all[1].model, "");
}

TEST_F(Ledger, ForgetsWhatIsAsked) {
  for (int i = 0; i < 3; ++i) note(change(phone(i), given(5, 1)));
  std::vector<std::string> names{phone(0), phone(2), phone(9)};
  ASSERT_TRUE(forget_in_ledger(store_, names));
  auto all = ledger(store_).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].device, phone(1));
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM ledger_given"), 1);
}

TEST_F(Ledger, RemovingAPhoneForgetsItThere) {
  trust::Phone one{phone(1), "8861", {}};
  ASSERT_TRUE(store_.put_phones({&one, 1}));
  note(change(phone(1), given(5, 1)));
  note(change(phone(2), given(5, 1)));
  auto counter = store_.change_counter().value();
  std::string only_there = phone(2);
  ASSERT_TRUE(store_.remove_phones({&only_there, 1}));
  EXPECT_EQ(store_.change_counter().value(), counter);
  expect_text(store_.audit(1).value()[0].what, {"removed phone", phone(2)});
  ASSERT_TRUE(store_.remove_phones({&one.name, 1}));
  EXPECT_EQ(store_.change_counter().value(), counter + 1);
  EXPECT_TRUE(ledger(store_)->empty());
  expect_text(store_.remove_phones({&only_there, 1}).error().text, {"no phone", phone(2)});
}

TEST_F(Ledger, BeyondItsLimitForgetsTheSilentFirstAndTheClustersPhonesLast) {
  std::vector<LedgerChange> many;
  for (int i = 0; i < static_cast<int>(kMaxLedgerDevices); ++i)
    many.push_back(change(phone(i), given(5, 10'000 + i)));
  ASSERT_TRUE(note_in_ledger(store_, many));
  trust::Phone silent{phone(0), "", {}};
  ASSERT_TRUE(store_.put_phones({&silent, 1}));
  std::vector<LedgerChange> more;
  for (int i = 0; i < 100; ++i) more.push_back(change(phone(1'000'000 + i), given(5, 1'000'000)));
  ASSERT_TRUE(note_in_ledger(store_, more));
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM ledger"), kMaxLedgerDevices);
  EXPECT_EQ(ask_database(dir_, "SELECT count(*) FROM ledger_given"), kMaxLedgerDevices);
  EXPECT_TRUE(ledger_entry(store_, phone(0)).value());
  EXPECT_FALSE(ledger_entry(store_, phone(1)).value());
  EXPECT_FALSE(ledger_entry(store_, phone(100)).value());
  EXPECT_TRUE(ledger_entry(store_, phone(101)).value());
  EXPECT_TRUE(ledger_entry(store_, phone(1'000'099)).value());
}

TEST_F(Ledger, ListsAreKeptByVersionNewestFirst) {
  keep("ITLFile.tlv", {1}, 1000);
  keep("ITLSEP000000000001.tlv", {2}, 3000);
  keep("ITLFile.tlv", {3}, 2000);
  keep("ITLFile.tlv", {3}, 2500);  // the newest of its name again: nothing to do
  auto lists = handed_out_lists(store_).value();
  ASSERT_EQ(lists.size(), 3U);
  EXPECT_EQ(lists[0].name, "ITLSEP000000000001.tlv");
  EXPECT_EQ(lists[0].version, version_of({2}));
  EXPECT_EQ(lists[1].content, Buffer{3});
  EXPECT_EQ(lists[1].built_at, 2000);
  keep("ITLFile.tlv", {1}, 4000);  // an old one has come back
  EXPECT_EQ(handed_out_lists(store_).value()[0].content, Buffer{1});
  EXPECT_EQ(kept().size(), 3U);
}

TEST_F(Ledger, OldListsAreKeptWhileAPhoneMayHoldThem) {
  auto number = [](int i) { return Buffer{static_cast<std::uint8_t>(i), 7}; };
  std::uint64_t sure = keep("ITLFile.tlv", number(0), 1000);
  std::uint64_t unsure = keep("ITLFile.tlv", number(1), 1001);
  note(change(phone(1), given(sure, 1000, unsure)));
  for (int i = 2; i < 40; ++i) keep("ITLFile.tlv", number(i), 1000 + i);
  keep("CTLFile.tlv", {9}, 1);
  // Those two, the newest 16, and what has another name.
  std::vector<Buffer> expected;
  for (int i = 39; i >= 24; --i) expected.push_back(number(i));
  expected.push_back(number(1));
  expected.push_back(number(0));
  expected.push_back({9});
  EXPECT_EQ(kept(), expected);
  note(change(phone(1), given(version_of(number(39)), 2000)));
  keep("ITLFile.tlv", number(40), 3000);
  EXPECT_EQ(kept().size(), 17U);
  // The clock went back: what was just handed out stays although others seem newer.
  keep("ITLFile.tlv", number(41), 5);
  EXPECT_TRUE(std::ranges::count(kept(), number(41)) == 1);
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
  for (int i = 0; i < 5; ++i) note(change(phone(i), given(a, 1)));
  note(change(phone(5), given(a, 1, b), given(ctl, 1)));
  note(change(phone(6), given(0, 1, b)));
  LedgerChange asked{.device = phone(7), .given = {}, .model = {}, .questions = 1};
  note(asked);
  auto all = holders(store_).value();
  EXPECT_EQ(all.devices, 8U);
  EXPECT_EQ(all.unknown.count, 0U);
  auto count = [&](const Buffer& its_ctl, const Buffer& its_itl) {
    std::size_t found = 0;
    for (const auto& group : all.groups)
      if (group.ctl == its_ctl && group.itl == its_itl) found += group.count;
    return found;
  };
  EXPECT_EQ(all.groups.size(), 5U);
  EXPECT_EQ(count({}, {1}), 5U);
  EXPECT_EQ(count({3}, {1}), 1U);
  EXPECT_EQ(count({3}, {2}), 1U);
  EXPECT_EQ(count({}, {2}), 1U);
  EXPECT_EQ(count({}, {}), 2U);
  for (const auto& group : all.groups) {
    if (group.count == 5) {
      EXPECT_EQ(group.first, (std::vector{phone(0), phone(1), phone(2)}));
    }
  }
}

TEST_F(Ledger, HoldersOfListsThatAreNotKeptAreUnknown) {
  std::uint64_t a = keep("ITLFile.tlv", {1}, 1000);
  std::uint64_t damaged = keep("ITLFile.tlv", {2}, 1001);
  note(change(phone(0), given(a, 1)));
  note(change(phone(1), given(12345, 1)));
  note(change(phone(2), given(a, 1, 12345)));
  note(change(phone(3), given(damaged, 1)));
  {
    auto database = Database::open(database_, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run("UPDATE handed_out SET content = x'05' WHERE content = x'02'"));
  }
  auto all = holders(store_).value();
  EXPECT_EQ(all.devices, 4U);
  EXPECT_EQ(all.unknown.count, 3U);
  EXPECT_EQ(all.unknown.first, (std::vector{phone(1), phone(2), phone(3)}));
  ASSERT_EQ(all.groups.size(), 1U);
  EXPECT_EQ(all.groups[0].count, 2U);
}

// The version is the one that the served file has in the table of files.
TEST_F(Ledger, VersionsAreTheFileTables) {
  Buffer content{1, 2, 3};
  std::vector<index::FileChange> files{{"ITLFile.tlv", index::FileBody{{}, index::Blob(content)}}};
  auto table = index::FileTable().with(files);
  keep("ITLFile.tlv", content);
  EXPECT_EQ(handed_out_lists(store_).value()[0].version, table.find("ITLFile.tlv")->version);
}

}  // namespace
}  // namespace anchord::store
