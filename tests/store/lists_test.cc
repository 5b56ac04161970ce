// The issued lists, and the services' reports.
#include <gtest/gtest.h>

#include "anchord/trust/trust_list.h"
#include "fixture.h"

namespace anchord::store {
namespace {

class Lists : public StoreTest {
 protected:
  trust::Cluster load(KeyUse keys = KeyUse::with_keys) { return store_.load(keys).value().cluster; }
  std::uint32_t time_of(const SavedList& list) {
    return trust::verify_trust_list(list.content).value().list.header.timestamp;
  }
  Store store_ = open();
};

TEST_F(Lists, ItlIsTheSameAfterEveryRestart) {
  EXPECT_FALSE(saved_list(store_, "ITLFile.tlv").value());
  auto first = current_itl(store_, load(), 1000);
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_EQ(time_of(*first), 1000U);
  EXPECT_EQ(first->built_at, 1000);
  store_ = open();
  // A certificate that the list does not carry changes nothing.
  ASSERT_TRUE(add_one(store_, example_known("a")));
  for (KeyUse keys : {KeyUse::with_keys, KeyUse::without_keys}) {
    auto again = current_itl(store_, load(keys), 2000);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->content, first->content);
    EXPECT_EQ(again->built_at, 1000);
  }
  EXPECT_EQ(saved_list(store_, "ITLFile.tlv").value()->content, first->content);
}

TEST_F(Lists, ItlIsBuiltAgainWhenItsInputsChange) {
  trust::Cluster cluster = load();
  auto first = current_itl(store_, cluster, 1000).value();
  cluster.mode = trust::Mode::mixed;
  auto second = current_itl(store_, cluster, 1001).value();
  EXPECT_NE(second.content, first.content);
  EXPECT_EQ(trust::verify_trust_list(second.content)->list.records[2].role, wire::Role::ccm_tftp);
  EXPECT_EQ(current_itl(store_, cluster, 1002)->content, second.content);
}

TEST_F(Lists, TimesAlwaysIncrease) {
  trust::Cluster cluster = load();
  ASSERT_TRUE(current_itl(store_, cluster, 5000));
  cluster.mode = trust::Mode::mixed;
  EXPECT_EQ(time_of(current_itl(store_, cluster, 5000).value()), 5001U);
  cluster.mode = trust::Mode::nonsecure;
  EXPECT_EQ(time_of(current_itl(store_, cluster, 10).value()), 5002U);
  cluster.mode = trust::Mode::mixed;
  EXPECT_EQ(time_of(current_itl(store_, cluster, 9000).value()), 9000U);
}

TEST_F(Lists, NewItlNeedsTheKeyAndAFailureChangesNothing) {
  trust::Cluster cluster = load();
  auto first = current_itl(store_, cluster, 1000).value();
  cluster.mode = trust::Mode::mixed;
  cluster.tftp.key.reset();
  auto second = current_itl(store_, cluster, 2000);
  ASSERT_FALSE(second);
  expect_text(second.error().text, {"not at hand"});
  EXPECT_EQ(saved_list(store_, "ITLFile.tlv").value()->content, first.content);
}

TEST_F(Lists, DamagedSavedItlIsNotIssued) {
  auto saved = current_itl(store_, load(), 1000);
  ASSERT_TRUE(saved) << saved.error().text;
  store_ = open();
  {
    Store closed = std::move(store_);  // so that all is in the database's file
  }
  std::string content = read_database();
  // The row's key is the name too: the beginning of the list says which of the two is meant.
  std::size_t at = content.find(as_text(saved->content).substr(0, 16));
  ASSERT_NE(at, content.npos);
  at = content.find("ITLFile.tlv", at);
  ASSERT_NE(at, content.npos);
  content[at] = 'i';
  write_database(content);
  store_ = open();
  auto list = current_itl(store_, load(), 2000);
  ASSERT_FALSE(list);
  expect_text(list.error().text, {"ITLFile.tlv", "damaged", "backup"});
}

TEST_F(Lists, OfTwoThatWaitOneBuilds) {
  int built = 0;
  auto build = [&](std::string_view content) {
    return [&built, content](UnixSeconds) -> Result<Buffer> {
      ++built;
      return to_buffer(as_bytes(content));
    };
  };
  Store other = open();
  Bytes digest = as_bytes("digest");
  EXPECT_EQ(as_text(list_for(store_, "L", digest, 1, build("one"))->content), "one");
  EXPECT_EQ(as_text(list_for(other, "L", digest, 2, build("two"))->content), "one");
  EXPECT_EQ(built, 1);
  EXPECT_EQ(as_text(list_for(other, "M", digest, 2, build("three"))->content), "three");
}

TEST_F(Lists, SecondWriterIsToldThatTheStoreIsBusy) {
  Store other = open();
  std::string problem;
  auto list = list_for(store_, "L", as_bytes("d"), 1, [&](UnixSeconds) -> Result<Buffer> {
    // Here the first writer holds the store; readers go on.
    EXPECT_TRUE(other.load(KeyUse::without_keys));
    EXPECT_TRUE(other.change_counter());
    auto added = add_one(other, example_known("a"));
    if (!added) problem = added.error().text;
    return Buffer{1};
  });
  EXPECT_TRUE(list);
  EXPECT_EQ(problem, "the store is busy: another anchorctl is changing it; try again when it is done");
  EXPECT_TRUE(add_one(other, example_known("a")));
}

TEST_F(Lists, StatusIsKeptForEachHost) {
  EXPECT_TRUE(last_status(store_)->empty());
  ASSERT_TRUE(report_status(store_, {"cucm2", 10, 3, true, ""}));
  ASSERT_TRUE(report_status(store_, {"cucm1", 11, 4, true, ""}));
  ASSERT_TRUE(report_status(store_, {"cucm1", 12, ~std::uint64_t{0}, false, "line's \"text\""}));
  Store again = open();
  auto reports = last_status(again).value();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].host, "cucm1");
  EXPECT_EQ(reports[0].time, 12);
  EXPECT_EQ(reports[0].snapshot_version, ~std::uint64_t{0});
  EXPECT_FALSE(reports[0].ok);
  EXPECT_EQ(reports[0].message, "line's \"text\"");
  EXPECT_EQ(reports[1].host, "cucm2");
  EXPECT_TRUE(reports[1].ok);
}

}  // namespace
}  // namespace anchord::store
