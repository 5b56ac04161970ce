// What is said of certificates that end, and when.
#include "snapshot/expiry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../stores.h"
#include "state.h"

namespace anchord::control {
namespace {

constexpr UnixSeconds kDay = 86400;

class Expiry : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    store_.emplace(make_store());
    watch();
  }
  void watch() {
    cluster_ = store_->load(store::KeyUse::without_keys).value().cluster;
    watch_.watch(*cluster_);
  }
  // Of the TFTP certificate alone.
  std::vector<ExpiryWatch::News> news(UnixSeconds before_its_end) {
    auto all = watch_.news(cluster_->tftp.certificate.not_after() - before_its_end);
    std::erase_if(all, [](const ExpiryWatch::News& one) {
      return one.text.find("the tftp certificate") == std::string::npos;
    });
    return all;
  }

  std::optional<store::Store> store_;
  std::optional<trust::Cluster> cluster_;
  ExpiryWatch watch_;
};

TEST_F(Expiry, EachThresholdIsSaidOnce) {
  EXPECT_TRUE(news(90 * kDay).empty());
  for (UnixSeconds days : {89, 29, 6}) {
    auto first = news(days * kDay);
    ASSERT_EQ(first.size(), 1u) << days;
    EXPECT_FALSE(first[0].bad);
    EXPECT_EQ(first[0].text, "the tftp certificate " + cluster_->tftp.certificate.subject().to_vendor() +
                                 " ends in " + std::to_string(days) + " days");
    EXPECT_TRUE(news(days * kDay - 10).empty());
    watch();  // another build
    EXPECT_TRUE(news(days * kDay - 20).empty());
  }
  auto ended = news(-2 * kDay);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended[0].bad);
  EXPECT_TRUE(ended[0].text.starts_with("EXPIRED: the tftp certificate")) << ended[0].text;
  EXPECT_NE(ended[0].text.find("ended 2 days ago"), std::string::npos);
  EXPECT_TRUE(news(-3 * kDay).empty());
}

TEST_F(Expiry, ThresholdsThatWerePassedUnseenAreOneLine) {
  EXPECT_EQ(news(5 * kDay).size(), 1u);
  EXPECT_TRUE(news(4 * kDay).empty());
}

TEST_F(Expiry, AClockBeforeItsBeginningIsSaid) {
  auto early = watch_.news(cluster_->tftp.certificate.not_before() - kDay);
  EXPECT_EQ(early.size(), cluster_->known.size());
  for (const ExpiryWatch::News& one : early) EXPECT_TRUE(one.bad && one.text.starts_with("NOT YET VALID: "));
  EXPECT_TRUE(watch_.news(cluster_->tftp.certificate.not_before() - kDay + 1).empty());
}

TEST_F(Expiry, ThoseOfOthersAreWatchedTooAndTheFirstToEndComesFirst) {
  auto other = known("app-odd", {wire::Role::app_server});
  ASSERT_TRUE(add_one(*store_, other));
  watch();
  EXPECT_EQ(watch_.soonest_first().size(), cluster_->known.size());
  EXPECT_TRUE(std::ranges::is_sorted(watch_.soonest_first(), {}, &ExpiryWatch::Certificate::ends));
  auto all = watch_.news(other.certificate.not_after() + 1);
  auto said = std::ranges::find_if(
      all, [](const ExpiryWatch::News& one) { return one.text.starts_with("EXPIRED: the certificate "); });
  ASSERT_NE(said, all.end());
  EXPECT_EQ(said->text.find("regenerate"), std::string::npos);  // it is not ours
  EXPECT_TRUE(said->text.find(other.certificate.subject().to_vendor()) != std::string::npos);
}

}  // namespace
}  // namespace anchord::control
