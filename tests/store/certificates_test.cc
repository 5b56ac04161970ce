// Adding, finding and removing certificates.
#include <gtest/gtest.h>

#include <algorithm>

#include "fixture.h"

namespace anchord::store {
namespace {

using wire::Role;

class Certificates : public StoreTest {
 protected:
  std::vector<trust::KnownCertificate> added() {
    auto loaded = store_.load(KeyUse::without_keys).value();
    std::erase_if(loaded.cluster.known, [](const auto& known) { return known.own.has_value(); });
    return loaded.cluster.known;
  }
  Store store_ = open();
};

TEST_F(Certificates, OwnOnesAreKnownWithTheRolesOfTheirService) {
  auto cluster = store_.load(KeyUse::without_keys).value().cluster;
  ASSERT_EQ(cluster.known.size(), 6U);
  for (const auto& known : cluster.known) {
    ASSERT_TRUE(known.own);
    EXPECT_EQ(known.roles, trust::own_roles(*known.own, trust::Mode::nonsecure));
    EXPECT_EQ(known.ttl, 86400U);
  }
}

TEST_F(Certificates, AddedOneIsKept) {
  auto known = example_known("a");
  known.roles = {Role::tvs, Role::sast, Role::ccm_tftp};
  known.ttl = 0xffffffff;
  EXPECT_EQ(add_one(store_, known).value(), Added::added);
  store_ = open();
  auto all = added();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].certificate, known.certificate);
  EXPECT_EQ(all[0].roles, known.roles);
  EXPECT_EQ(all[0].ttl, 0xffffffffU);
}

TEST_F(Certificates, AddedAgainGetsTheNewRolesAndTtl) {
  auto known = example_known("a");
  ASSERT_TRUE(add_one(store_, known));
  known.roles = {Role::capf};
  known.ttl = 0;
  EXPECT_EQ(add_one(store_, known).value(), Added::replaced);
  auto all = added();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].roles, std::vector{Role::capf});
  EXPECT_EQ(all[0].ttl, 0U);
}

TEST_F(Certificates, SeveralAreAddedTogetherOrNotAtAll) {
  std::vector<trust::KnownCertificate> several{example_known("a"), example_known("b"), example_known("c")};
  several[2].roles.clear();
  auto before = store_.change_counter().value();
  auto refused = add_known(store_, several, agreed());
  ASSERT_FALSE(refused);
  expect_text(refused.error().text, {"(CN=c)", "at least one role"});
  EXPECT_TRUE(added().empty());
  EXPECT_EQ(store_.change_counter().value(), before);
  several[2].roles = {Role::capf};
  several.push_back(several[0]);
  EXPECT_EQ(add_known(store_, several, agreed()).value(),
            (std::vector{Added::added, Added::added, Added::added, Added::replaced}));
  EXPECT_EQ(added().size(), 3U);
  EXPECT_TRUE(add_known(store_, {}, agreed()));
}

TEST_F(Certificates, RolesAreKnownOnesAndNamedOnce) {
  auto known = example_known("a");
  known.roles = {Role::tvs, Role::capf, Role::tvs};
  expect_text(add_one(store_, known).error().text, {"tvs twice"});
  known.roles = {static_cast<Role>(9)};
  expect_text(add_one(store_, known).error().text, {"unknown"});
  EXPECT_TRUE(added().empty());
}

TEST_F(Certificates, OwnOnesCannotBeAddedOrRemoved) {
  auto cluster = store_.load(KeyUse::without_keys).value().cluster;
  for (const auto& own : cluster.known) {
    auto refused = add_one(store_, {own.certificate, {Role::app_server}, 1, {}});
    ASSERT_FALSE(refused);
    expect_text(refused.error().text, {"own", trust::service_name(*own.own)});
    auto kept = remove_known(store_, hash_of(own.certificate), agreed());
    ASSERT_FALSE(kept);
    expect_text(kept.error().text, {"cannot be removed", trust::service_name(*own.own), "phones"});
  }
  expect_text(remove_known(store_, hash_of(cluster.tvs[1].certificate), agreed()).error().text,
              {"tvs of cucm2"});
  EXPECT_EQ(store_.load(KeyUse::with_keys).value().cluster.known.size(), 6U);
}

TEST_F(Certificates, AreFoundByTheirFirstDigits) {
  std::vector<std::string> hashes;
  for (int i = 0; i < 40; ++i) {
    auto known = example_known("c" + std::to_string(i));
    hashes.push_back(hash_of(known.certificate));
    ASSERT_TRUE(add_one(store_, known));
  }
  for (const std::string& hash : hashes) {
    EXPECT_EQ(hash_of(find_certificate(store_, hash)->certificate), hash);
    EXPECT_EQ(hash_of(find_certificate(store_, hash.substr(0, 20))->certificate), hash);
  }
  // 46 certificates, 16 first digits: some digit has several.
  bool ambiguous = false;
  for (char digit : std::string("0123456789abcdef")) {
    auto found = find_certificate(store_, std::string(1, digit));
    if (!found && found.error().text.find("give more digits") != std::string::npos) ambiguous = true;
  }
  EXPECT_TRUE(ambiguous);
}

TEST_F(Certificates, AmbiguityCountsOwnAndAddedOnes) {
  // Added until one shares its first digit with an own one.
  auto own = store_.load(KeyUse::without_keys).value().cluster.tftp.certificate;
  std::string digit = hash_of(own).substr(0, 1);
  for (int i = 0;; ++i) {
    auto known = example_known(std::to_string(i));
    if (!hash_of(known.certificate).starts_with(digit)) continue;
    ASSERT_TRUE(add_one(store_, known));
    break;
  }
  auto all = store_.load(KeyUse::without_keys).value().cluster.known;
  auto count =
      std::ranges::count_if(all, [&](const auto& k) { return hash_of(k.certificate).starts_with(digit); });
  expect_text(find_certificate(store_, digit).error().text,
              {std::to_string(count) + " certificates begin with"});
}

TEST_F(Certificates, FindTakesColonsAndUpperCase) {
  auto tftp = store_.load(KeyUse::without_keys).value().cluster.tftp.certificate;
  std::string hash = hash_of(tftp);
  std::string written;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    if (i > 0 && i % 2 == 0) written += ':';
    written += static_cast<char>(std::toupper(hash[i]));
  }
  auto found = find_certificate(store_, written);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->own, trust::Service::tftp);
  EXPECT_EQ(found->roles, (std::vector{Role::sast, Role::tftp}));
  EXPECT_EQ(found->ttl, 86400U);
}

TEST_F(Certificates, FindRefusesWhatIsNoHash) {
  for (const char* typed : {"", ":", "%", "0' OR 1=1", "zz", "cucm1"}) {
    auto found = find_certificate(store_, typed);
    ASSERT_FALSE(found) << typed;
    expect_text(found.error().text, {"SHA-256"});
  }
  expect_text(find_certificate(store_, std::string(64, '0')).error().text,
              {"no certificate 000", "cert list"});
  EXPECT_FALSE(find_certificate(store_, std::string(65, '0')));
}

TEST_F(Certificates, RemovedOneIsGone) {
  auto a = example_known("a");
  auto b = example_known("b");
  ASSERT_TRUE(add_one(store_, a));
  ASSERT_TRUE(add_one(store_, b));
  std::string hash = hash_of(a.certificate);
  expect_text(remove_known(store_, hash.substr(0, 63), agreed()).error().text, {"whole SHA-256"});
  ASSERT_TRUE(remove_known(store_, hash, agreed()));
  EXPECT_FALSE(find_certificate(store_, hash));
  ASSERT_EQ(added().size(), 1U);
  EXPECT_EQ(added()[0].certificate, b.certificate);
  auto again = remove_known(store_, hash, agreed());
  ASSERT_FALSE(again);
  expect_text(again.error().text, {"no certificate", "cert list"});
}

TEST_F(Certificates, CounterMovesWithEveryChangeAndNothingElse) {
  auto counter = store_.change_counter().value();
  EXPECT_EQ(store_.load(KeyUse::without_keys)->change_counter, counter);
  auto moved = [&] {
    auto now = open().change_counter().value();
    return std::exchange(counter, now) != now;
  };
  auto known = example_known("a");
  ASSERT_TRUE(add_one(store_, known));
  EXPECT_TRUE(moved());
  known.ttl = 7;
  ASSERT_TRUE(add_one(store_, known));
  EXPECT_TRUE(moved());
  EXPECT_EQ(store_.load(KeyUse::without_keys)->change_counter, counter);
  ASSERT_TRUE(remove_known(store_, hash_of(known.certificate), agreed()));
  EXPECT_TRUE(moved());
  EXPECT_FALSE(remove_known(store_, hash_of(known.certificate), agreed()));
  EXPECT_FALSE(moved());
  ASSERT_TRUE(report_status(store_, {"cucm1", 1, 1, true, ""}));
  ASSERT_TRUE(current_itl(store_, store_.load(KeyUse::with_keys)->cluster, 1));
  EXPECT_FALSE(moved());
}

TEST_F(Certificates, ChangesAreWrittenInTheAudit) {
  auto known = example_known("a");
  ASSERT_TRUE(add_one(store_, known));
  ASSERT_TRUE(remove_known(store_, hash_of(known.certificate), agreed()));
  auto entries = audit_entries(store_, 2).value();
  ASSERT_EQ(entries.size(), 2U);
  expect_text(entries[0].what, {"removed", hash_of(known.certificate).substr(0, 8), "CN=a"});
  expect_text(entries[1].what, {"added", "CN=a", "app-server", "600"});
}

}  // namespace
}  // namespace anchord::store
