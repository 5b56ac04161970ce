// Clusters made of keys that phones trust already.
#include <gtest/gtest.h>

#include "anchord/base/file.h"
#include "anchord/store/ledger.h"
#include "anchord/trust/lifecycle.h"
#include "anchord/trust/trust_list.h"
#include "anchord/trust/virtual_phone.h"
#include "fixture.h"

namespace anchord::store {
namespace {

// What serves the phones until they come here: made once, keys are slow.
const trust::Cluster& before() {
  static const Folder folder;
  static const trust::Cluster cluster = [] {
    InitRequest request = example_request();
    request.cluster_name = "Before";
    return init_store(folder.path / "state", request).value().load(KeyUse::with_keys).value().cluster;
  }();
  return cluster;
}

const Buffer& held_list() {
  static const Buffer list =
      trust::build_trust_list(trust::itl_fields(before()), calendar_now() - 1000).value();
  return list;
}

class Adopt : public testing::Test {
 protected:
  Result<trust::Cluster> make(Adopted adopted) {
    InitRequest request = example_request();
    request.digest = digest_;
    request.adopted = std::move(adopted);
    auto store = init_store(dir_, request);
    if (!store) return std::unexpected(store.error());
    auto loaded = store->load(KeyUse::with_keys);
    if (!loaded) return std::unexpected(loaded.error());
    return loaded->cluster;
  }
  std::string error(Adopted adopted) {
    auto cluster = make(std::move(adopted));
    EXPECT_FALSE(fs::exists(dir_));
    return cluster ? "" : cluster.error().text;
  }
  trust::BootEnd boot_with_held_list(const trust::Cluster& cluster) {
    trust::PhoneSettings settings;
    settings.tvs_servers = cluster.tvs.size();
    trust::VirtualPhone phone(settings, {.itl = held_list()});
    return trust::boot_in_memory(phone, trust::served_by(cluster, calendar_now()).value(), calendar_now())
        .end;
  }

  std::optional<wire::Digest> digest_;
  Folder folder_;
  fs::path dir_ = folder_.path / "state";
};

TEST_F(Adopt, TakesOverAllThatIsGiven) {
  auto cluster = make({.signers = {before().tftp, before().recovery},
                       .tvs = before().tvs,
                       .capf = before().capf,
                       .itl = held_list()});
  ASSERT_TRUE(cluster) << cluster.error().text;
  EXPECT_EQ(cluster->tftp.certificate, before().tftp.certificate);
  EXPECT_EQ(cluster->recovery.certificate, before().recovery.certificate);
  EXPECT_EQ(cluster->tvs[0].certificate, before().tvs[0].certificate);
  EXPECT_EQ(cluster->tvs[1].certificate, before().tvs[1].certificate);
  EXPECT_EQ(cluster->capf.certificate, before().capf.certificate);
  EXPECT_NE(cluster->tftp_ec.certificate, before().tftp_ec.certificate);
  EXPECT_TRUE(cluster->tftp.key->matches(cluster->tftp.certificate));
  EXPECT_NE(cluster->id, before().id);
  EXPECT_EQ(boot_with_held_list(*cluster), trust::BootEnd::fine);
}

TEST_F(Adopt, OneSignerIsEnoughAndTheOthersStayKnown) {
  auto cluster = make({.signers = {before().tftp}, .itl = held_list()});
  ASSERT_TRUE(cluster) << cluster.error().text;
  EXPECT_EQ(cluster->tftp.certificate, before().tftp.certificate);
  EXPECT_NE(cluster->recovery.certificate, before().recovery.certificate);
  auto known = [&](const trust::Identity& identity) {
    for (const auto& there : cluster->known)
      if (!there.own && there.certificate == identity.certificate) return there.roles;
    return std::vector<wire::Role>();
  };
  EXPECT_EQ(known(before().recovery), std::vector{wire::Role::sast});
  EXPECT_EQ(known(before().tvs[0]), std::vector{wire::Role::tvs});
  EXPECT_EQ(known(before().tvs[1]), std::vector{wire::Role::tvs});
  EXPECT_EQ(known(before().tftp_ec), std::vector{wire::Role::tftp});
  EXPECT_EQ(known(before().capf), std::vector{wire::Role::capf});
  EXPECT_EQ(known(before().tftp), std::vector<wire::Role>());
  EXPECT_EQ(boot_with_held_list(*cluster), trust::BootEnd::fine);
}

TEST_F(Adopt, TheSecondSignerWillDoWhenTheFirstIsLost) {
  auto cluster = make({.signers = {before().recovery}, .itl = held_list()});
  ASSERT_TRUE(cluster) << cluster.error().text;
  EXPECT_EQ(boot_with_held_list(*cluster), trust::BootEnd::fine);
}

TEST_F(Adopt, AVerificationServiceWillDo) {
  auto cluster = make({.signers = {}, .tvs = {before().tvs[1]}, .itl = held_list()});
  ASSERT_TRUE(cluster) << cluster.error().text;
  EXPECT_EQ(cluster->tvs[0].certificate, before().tvs[1].certificate);
  EXPECT_EQ(boot_with_held_list(*cluster), trust::BootEnd::fine);
}

TEST_F(Adopt, TheHeldListIsKept) {
  ASSERT_TRUE(make({.signers = {before().tftp}, .itl = held_list()}));
  auto store = Store::open(dir_).value();
  auto lists = issued_lists(store).value();
  ASSERT_EQ(lists.size(), 1U);
  EXPECT_EQ(lists[0].content, held_list());
  EXPECT_EQ(lists[0].name, "ITLFile.tlv");
}

Buffer field_file(const std::string& name) {
  return read_file(std::string(ANCHORD_TEST_DATA "/field/") + name, 1 << 20).value();
}

trust::Identity field_identity(const std::string& name) {
  Buffer pem = field_file(name);
  return {crypto::Certificate::from_pem_or_der(pem).value(),
          crypto::PrivateKey::from_pem_or_der(pem).value()};
}

// The list of an open tool: a signer, and a call manager, but nobody who signs files or verifies.
TEST_F(Adopt, TheListsDigestVersionAndSpellingStay) {
  Buffer itl = field_file("adopt-ITLFile.tlv");
  auto cluster = make({.signers = {field_identity("adopt-sast.pem")}, .itl = itl});
  ASSERT_TRUE(cluster) << cluster.error().text;
  EXPECT_EQ(cluster->signing.digest, wire::Digest::sha1);
  EXPECT_EQ(cluster->signing.spelling, crypto::NameSpelling::open);
  auto store = Store::open(dir_).value();
  auto loaded = store.load(KeyUse::with_keys).value();
  Buffer content = current_itl(store, loaded.cluster, calendar_now()).value().content;
  auto list = wire::parse_trust_list(content).value();
  EXPECT_EQ(list.header.digest, wire::Digest::sha1);
  EXPECT_EQ(list.header.signer_version, (wire::Version{1, 0}));
  EXPECT_EQ(list.header.signer_name, "CN=sast,O=sast,OU=sast");
}

TEST_F(Adopt, Sha512IsAskedForByNobodyWhoMayKnowSha1Only) {
  ASSERT_TRUE(make({.signers = {field_identity("adopt-sast.pem")}, .itl = field_file("adopt-ITLFile.tlv")}));
  auto store = Store::open(dir_).value();
  const ModelTest takes = [](std::string_view model) {
    return model == "8861" ? TakesSha512::yes : TakesSha512::unknown;
  };
  const ChangeRequest agreed{.hosts_agree = true};
  auto asked = [&] {
    auto set = set_digest(store, wire::Digest::sha512, takes, agreed);
    return set ? std::string("done") : set.error().text;
  };
  expect_text(asked(),
              {"adopted list", "SHA-1", "let them boot", "--model", "; --force does it all the same"});
  std::vector<trust::Phone> phones{{.name = "SEP001122334455", .model = "8861"}, {.name = "SEP0011223344AA"}};
  ASSERT_TRUE(put_phones(store, phones));
  expect_text(asked(), {"1 phone", "SEP0011223344AA", "not said", "--model"});
}

TEST_F(Adopt, TheListsDigestIsNotChosenOtherwise) {
  auto adopted = [] {
    return Adopted{.signers = {field_identity("adopt-sast.pem")}, .itl = field_file("adopt-ITLFile.tlv")};
  };
  digest_ = wire::Digest::sha512;
  expect_text(error(adopted()), {"signed with sha1", "leave out --digest", "set digest sha512"});
  digest_ = wire::Digest::sha1;
  EXPECT_TRUE(make(adopted()));
}

TEST_F(Adopt, AStrangerIsNoSignerOfAListWithoutVerificationServices) {
  expect_text(error({.signers = {field_identity("adopt-other.pem")}, .itl = field_file("adopt-ITLFile.tlv")}),
              {"would not go over", "--sast", "CN=sast"});
}

TEST_F(Adopt, WhatTheVendorsListSaysStays) {
  auto cluster = make({.signers = {before().tftp}, .itl = held_list()});
  ASSERT_TRUE(cluster) << cluster.error().text;
  EXPECT_EQ(cluster->signing, before().signing);
}

TEST_F(Adopt, WithoutAListNothingIsAsked) {
  auto cluster = make({.signers = {before().tftp}});
  ASSERT_TRUE(cluster) << cluster.error().text;
  EXPECT_EQ(cluster->known.size(), 6U);
}

TEST_F(Adopt, PhonesThatWouldNotGoOverAreAReasonToRefuse) {
  expect_text(
      error({.signers = {}, .itl = held_list()}),
      {"would not go over", "--sast", "CN=cucm1.example.com", "CN=ITLRECOVERY", "--tvs", "CN=TVS-cucm2"});
  auto stranger = example_certificate("x");
  Folder elsewhere;
  auto other =
      init_store(elsewhere.path / "state", example_request()).value().load(KeyUse::with_keys).value();
  expect_text(error({.signers = {other.cluster.tftp, before().recovery}, .itl = held_list()}),
              {"would not go over"});
  expect_text(error({.signers = {}, .tvs = {}, .capf = before().capf, .itl = held_list()}),
              {"would not go over"});
}

TEST_F(Adopt, AListThatIsNoneIsRefused) {
  Buffer damaged = held_list();
  damaged[damaged.size() / 2] ^= 1;
  expect_text(error({.signers = {before().tftp}, .itl = damaged}), {"the list that phones hold"});
  expect_text(error({.signers = {before().tftp}, .itl = {1, 2, 3}}), {"the list that phones hold"});
}

TEST_F(Adopt, WhatDoesNotFitIsRefused) {
  trust::Identity no_key{before().tftp.certificate, {}};
  expect_text(error({.signers = {no_key}}), {"has no key"});
  trust::Identity wrong_key{before().tftp.certificate, before().recovery.key};
  expect_text(error({.signers = {wrong_key}}), {"key", "is not its"});
  expect_text(error({.signers = {before().tftp, before().tftp}}), {"given twice"});
  expect_text(error({.signers = {before().tftp}, .tvs = {before().tftp}}), {"given twice"});
  expect_text(error({.signers = {before().tvs[0]}}), {"EC key"});
  expect_text(error({.signers = {before().tftp, before().recovery, before().capf}}), {"3 list signers"});
  expect_text(error({.signers = {}, .tvs = {before().tvs[0], before().tvs[1], before().capf}}), {"2 hosts"});
}

}  // namespace
}  // namespace anchord::store
