// A host's ledger as a file for the others.
#include "anchord/store/ledger_file.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "boots.h"
#include "fixture.h"

namespace anchord::store {
namespace {

using trust::ListKind;

class LedgerFile : public StoreTest {
 protected:
  // Another host: a copy of the state.
  Store copy() {
    fs::path there = folder_.path / "copy";
    fs::copy(dir_, there, fs::copy_options::recursive);
    return Store::open(there).value();
  }
  Store store_ = open();
};

TEST_F(LedgerFile, TellsTheOthersWhatPhonesMayHold) {
  Store other = copy();
  ASSERT_TRUE(boot_whole(other, kPhone));
  StatusReport report{
      .host = "cucm2", .time = 5, .snapshot_version = 3, .ok = true, .message = "", .serves = "ab"};
  ASSERT_TRUE(report_status(other, report));
  ASSERT_TRUE(note_gap(other, {.began = 10, .ended = 20, .why = "power"}));
  std::string text = export_ledger(other, 777).value();
  EXPECT_EQ(text.find("PRIVATE"), std::string::npos);
  auto done = import_ledger(store_, text, calendar_now());
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->devices, 1U);
  EXPECT_EQ(done->written_at, 777);
  auto here = ledger_entry(store_, kPhone).value();
  auto there = ledger_entry(other, kPhone).value();
  ASSERT_TRUE(here && there);
  EXPECT_EQ(here->may_hold(ListKind::itl), there->may_hold(ListKind::itl));
  EXPECT_EQ(here->of(DeliveredKind::itl).address, kPhoneAddress);
  EXPECT_EQ(holders(store_)->unknown.count, 0U) << "the lists came with it";
  EXPECT_EQ(last_status(store_).value().at(0).serves, "ab");
  // A second time changes nothing, and nothing is forgotten.
  Seen seen("SEP00000000000A");
  ASSERT_TRUE(note(store_, seen.given(ListKind::itl, 5).acted()));
  ASSERT_TRUE(import_ledger(store_, text, calendar_now()));
  EXPECT_EQ(ledger(store_)->size(), 2U);
}

TEST_F(LedgerFile, OfAnotherClusterIsRefused) {
  Store other = init_store(folder_.path / "other", example_request()).value();
  ASSERT_TRUE(boot_whole(other, kPhone));
  auto done = import_ledger(store_, export_ledger(other, 1).value(), calendar_now());
  ASSERT_FALSE(done);
  expect_text(done.error().text, {"another cluster"});
  EXPECT_TRUE(ledger(store_)->empty());
}

// The clock there may be ahead: what phones took there at 1600 was perhaps before what they took here at
// 1500.
TEST_F(LedgerFile, IsNotTakenForTheLaterOneByItsClockAlone) {
  Store other = copy();
  ASSERT_TRUE(regenerate(other, trust::Service::capf, "", {.force = true}));
  auto boot = [](Store& store, const char* phone, UnixSeconds at) {
    ASSERT_TRUE(boot_whole(store, phone, at));
  };
  constexpr const char* kNobodyKnows = "SEP000000000001";
  constexpr const char* kLaterHere = "SEP000000000002";
  constexpr const char* kLaterThere = "SEP000000000003";
  boot(other, kNobodyKnows, 1600);
  boot(store_, kNobodyKnows, 1500);
  boot(other, kLaterHere, 1600);
  boot(store_, kLaterHere, 1601 + kClocksApart);
  boot(other, kLaterThere, 1601 + kClocksApart);
  boot(store_, kLaterThere, 1600);
  auto held = [](Store& store, const char* phone) {
    return ledger_entry(store, phone).value()->may_hold(ListKind::itl);
  };
  const auto here = held(store_, kLaterHere);
  const auto there = held(other, kLaterThere);
  ASSERT_EQ(here.size(), 1U);
  ASSERT_EQ(there.size(), 1U);
  ASSERT_NE(here, there);
  ASSERT_TRUE(import_ledger(store_, export_ledger(other, 9000).value(), calendar_now()));
  EXPECT_EQ(held(store_, kNobodyKnows).size(), 2U);
  EXPECT_EQ(held(store_, kLaterHere), here);
  EXPECT_EQ(held(store_, kLaterThere), there);
}

// Its clock was ahead once, and is right again.
TEST_F(LedgerFile, WhatWasNotedInTheFutureIsNotTheLater) {
  Store other = copy();
  ASSERT_TRUE(regenerate(other, trust::Service::capf, "", {.force = true}));
  ASSERT_TRUE(boot_whole(other, kPhone, 90'000));
  ASSERT_TRUE(note_gap(other, {.began = 1000, .ended = 90'000, .why = "power"}));
  ASSERT_TRUE(boot_whole(store_, kPhone, 1500));
  ASSERT_TRUE(import_ledger(store_, export_ledger(other, 9000).value(), calendar_now()));
  EXPECT_EQ(ledger_entry(store_, kPhone).value()->may_hold(ListKind::itl).size(), 2U);
  EXPECT_EQ(ledger_gaps(store_)->at(0).ended, 9000 + kClocksApart);
}

TEST_F(LedgerFile, ADeviceIsInItOnceAndTimesAreNumbers) {
  ASSERT_TRUE(boot_whole(store_, kPhone, 1500));
  const std::string text = export_ledger(store_, 9000).value();
  auto error_with = [&](auto&& change) {
    auto json = nlohmann::json::parse(text);
    change(json);
    auto done = import_ledger(store_, json.dump(), calendar_now());
    EXPECT_FALSE(done);
    return done ? std::string() : done.error().text;
  };
  expect_text(error_with([](auto& json) { json["devices"].push_back(json["devices"][0]); }),
              {kPhone, "twice"});
  for (const nlohmann::json& bad :
       {nlohmann::json(-1), nlohmann::json(1e30), nlohmann::json(1.5), nlohmann::json("1"),
        nlohmann::json(std::numeric_limits<std::int64_t>::max())})
    expect_text(error_with([&](auto& json) { json["devices"][0]["seen"] = bad; }), {"'seen' is no time"});
}

TEST_F(LedgerFile, OfTheFutureIsRefused) {
  Store other = copy();
  ASSERT_TRUE(boot_whole(other, kPhone));
  const UnixSeconds now = calendar_now();
  auto done = import_ledger(store_, export_ledger(other, now + kClocksApart + 1).value(), now);
  ASSERT_FALSE(done);
  expect_text(done.error().text, {"301 seconds", "set the clock"});
  EXPECT_TRUE(ledger(store_)->empty());
  EXPECT_TRUE(import_ledger(store_, export_ledger(other, now + kClocksApart).value(), now));
}

TEST_F(LedgerFile, WhatIsDamagedIsRefusedAsAWhole) {
  ASSERT_TRUE(boot_whole(store_, kPhone));
  std::string text = export_ledger(store_, 1).value();
  Store other = copy();
  for (std::string_view bad : {"", "{", "[]", "{}", "nothing"})
    EXPECT_FALSE(import_ledger(other, bad, calendar_now())) << bad;
  for (std::string_view key :
       {"\"devices\"", "\"may_hold\"", "\"accepted_at\"", "\"content\"", "\"cluster\""}) {
    std::string broken = text;
    broken.replace(broken.find(key), key.size(), "\"x\"");
    auto done = import_ledger(other, broken, calendar_now());
    ASSERT_FALSE(done) << key;
    EXPECT_EQ(done.error().text.find('\n'), std::string::npos);
  }
  for (std::size_t cut = 0; cut < text.size(); cut += 997)
    EXPECT_FALSE(import_ledger(other, text.substr(0, cut), calendar_now()));
}

}  // namespace
}  // namespace anchord::store
