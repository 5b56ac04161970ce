// Whom what phones did is noted for, when it does not say who they are.
#include "ledger/activity.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "../stores.h"
#include "anchord/index/file_table.h"
#include "anchord/store/ledger.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/lists.h"
#include "state.h"

namespace anchord::control {
namespace {

using service::Download;
using service::DownloadEnd;
using trust::ListKind;

constexpr char kKnown[] = "SEP001122334455";
constexpr char kNew[] = "SEP00112233AAAA";

class ActivityTest : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    store_.emplace(make_store());
    list_ = present_list();
    activity_.emplace(store::Store::open(options_.state).value());
    ASSERT_TRUE(activity_->begin(options_.state, 1, "one", *store_));
  }

  void tell(std::string_view from, std::string_view device, std::string_view file, std::uint64_t version,
            DownloadEnd end = DownloadEnd::given) {
    Download one{.version = version, .from = io::parse_host(from).value(), .end = end};
    one.device.set(device);
    one.file.set(file);
    one.began = one.ended = ++told_at_;
    ASSERT_TRUE(activity_->journal().of_shard(0).downloads.push(one));
  }
  // So many phones speak from there. What they ask for is nothing that the ledger keeps.
  void crowd(std::string_view from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) tell(from, fmt::format("SEP{:012X}", i), "firmware.loads", 1);
  }
  void end() { ASSERT_TRUE(activity_->end(served_)); }
  std::vector<trust::ListVersion> may_hold(std::string_view device) {
    auto entry = store::ledger_entry(*store_, device).value();
    return entry ? entry->may_hold(ListKind::itl) : std::vector<trust::ListVersion>();
  }
  bool may_hold_list(std::string_view device) {
    auto may = may_hold(device);
    return std::ranges::find(may, list_) != may.end();
  }
  trust::ListVersion present_list() {
    auto cluster = store_->load(store::KeyUse::with_keys).value().cluster;
    return index::version_of(
        {.header = {},
         .content = index::Blob(store::current_itl(*store_, cluster, calendar_now()).value().content)});
  }

  Millis told_at_ = monotonic_now();  // of the last record: no two are of one moment
  index::FileTable files_;
  std::optional<crypto::Certificate> tvs_;
  Activity::Served served_{files_, tvs_};
  std::optional<store::Store> store_;
  trust::ListVersion list_ = 0;
  std::optional<Activity> activity_;
};

TEST_F(ActivityTest, AListWithoutANameIsNotedForEachPhoneOfItsAddress) {
  tell("192.0.2.8", kKnown, "ITLSEP001122334455.tlv", 0, DownloadEnd::not_there);
  tell("192.0.2.7", kNew, "ITLSEP00112233AAAA.tlv", 0, DownloadEnd::not_there);
  crowd("192.0.2.7", 50);
  tell("192.0.2.7", "", "ITLFile.tlv", list_);
  end();
  EXPECT_TRUE(may_hold_list(kNew));
  EXPECT_TRUE(may_hold_list("SEP000000000000"));
  EXPECT_FALSE(may_hold_list(kKnown)) << "it is elsewhere";
  EXPECT_TRUE(store::ledger_gaps(*store_)->empty());
}

// A phone is switched off in the middle of a transfer, and the service gives that up when the phone has long
// booted again and taken the next list.
TEST_F(ActivityTest, ATransferThatIsGivenUpLateTakesNothingBack) {
  tell("192.0.2.7", kKnown, "ITLFile.tlv", list_, DownloadEnd::begun);
  ASSERT_TRUE(store::regenerate(*store_, trust::Service::capf, "", {.force = true, .hosts_agree = true}));
  const trust::ListVersion next = present_list();
  ASSERT_NE(next, list_);
  tell("192.0.2.7", kKnown, "ITLFile.tlv", next, DownloadEnd::begun);
  tell("192.0.2.7", kKnown, "ITLFile.tlv", next);
  tell("192.0.2.7", kKnown, "SEP001122334455.cnf.xml.sgn", 0, DownloadEnd::not_there);
  tell("192.0.2.7", kKnown, "ITLFile.tlv", list_, DownloadEnd::maybe_given);
  end();
  EXPECT_EQ(may_hold(kKnown), std::vector{next});
}

// Nor does one that does not say whose it is add those who were first heard of when it had been begun.
TEST_F(ActivityTest, ATransferWithoutANameIsOfThosePhonesThatWereThereWhenItBegan) {
  tell("192.0.2.7", kKnown, "ITLSEP001122334455.tlv", 0, DownloadEnd::not_there);
  crowd("192.0.2.7", 1);
  tell("192.0.2.7", "", "ITLFile.tlv", list_, DownloadEnd::begun);
  activity_->take(served_, true);
  tell("192.0.2.7", kNew, "ITLSEP00112233AAAA.tlv", 0, DownloadEnd::not_there);
  tell("192.0.2.7", "", "ITLFile.tlv", list_, DownloadEnd::maybe_given);
  end();
  EXPECT_TRUE(may_hold_list(kKnown));
  EXPECT_FALSE(may_hold_list(kNew));
}

// Of several in one look the first and the last are noted: the last that was begun.
TEST_F(ActivityTest, TheSameListWithoutANameIsOfThosePhonesThatWereThereWhenItLastBegan) {
  tell("192.0.2.7", kKnown, "ITLSEP001122334455.tlv", 0, DownloadEnd::not_there);
  crowd("192.0.2.7", 1);
  tell("192.0.2.7", "", "ITLFile.tlv", list_, DownloadEnd::begun);
  tell("192.0.2.7", kNew, "ITLSEP00112233AAAA.tlv", 0, DownloadEnd::not_there);
  tell("192.0.2.7", "", "ITLFile.tlv", list_, DownloadEnd::begun);
  tell("192.0.2.7", "", "ITLFile.tlv", list_, DownloadEnd::maybe_given);
  end();
  EXPECT_TRUE(may_hold_list(kNew));
}

// One who names all phones of a cluster from one address makes each unsure, and no more work than that.
TEST_F(ActivityTest, WhereTooManyAreAnyPhoneMayHoldTheList) {
  tell("192.0.2.8", kKnown, "ITLSEP001122334455.tlv", 0, DownloadEnd::not_there);
  activity_->take(served_, true);
  crowd("192.0.2.7", AddressBook::kMaxNeighbours);
  tell("192.0.2.7", kNew, "ITLSEP00112233AAAA.tlv", 0, DownloadEnd::not_there);
  tell("192.0.2.7", "", "ITLFile.tlv", list_);
  end();
  EXPECT_TRUE(may_hold_list(kNew)) << "it was first heard of in the same batch";
  EXPECT_TRUE(may_hold_list(kKnown)) << "whoever may have asked counts, and nobody looks who";
  EXPECT_EQ(store::ledger_size(*store_).value(), 2U) << "nothing is written for each of the others";
  auto gaps = store::ledger_gaps(*store_).value();
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_NE(gaps[0].why.find("without a name"), std::string::npos);
}

}  // namespace
}  // namespace anchord::control
