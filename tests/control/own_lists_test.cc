// Which lists of single phones are served, as the cluster changes and by what their phones may hold.
#include "provisioning/own_lists.h"

#include <gtest/gtest.h>

#include "../stores.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/lists.h"
#include "anchord/trust/trust_list.h"
#include "state.h"

namespace anchord::control {
namespace {

constexpr char kPhone[] = "SEP001122334455";
constexpr char kItl[] = "ITLSEP001122334455.tlv";

class Own : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    store_.emplace(make_store());
  }

  trust::Cluster cluster() { return store_->load(store::KeyUse::with_keys).value().cluster; }
  void regenerate(trust::Service service, const std::string& host = "") {
    ASSERT_TRUE(store::regenerate(*store_, service, host, {.force = true, .hosts_agree = true}));
    lists_.begin_state();
  }
  Buffer present_list() { return store::current_itl(*store_, cluster(), calendar_now()).value().content; }
  // The present list by a key that the verification services vouch for, and no list names.
  Buffer list_by_other() {
    auto key = crypto::PrivateKey::generate(crypto::KeyKind::rsa2048).value();
    crypto::SelfSignedRequest request{.not_before = calendar_now() - 60, .days = 10};
    request.subject.append("CN", "other");
    trust::Identity other{crypto::make_self_signed(key, request).value(), key};
    EXPECT_TRUE(add_one(*store_, {other.certificate, {wire::Role::sast}, 60, {}}));
    lists_.begin_state();
    trust::TrustListFields fields = trust::itl_fields(cluster());
    fields.signer = other;
    fields.records[1].certificate = other.certificate;
    return trust::build_trust_list(fields, calendar_now()).value();
  }
  void may_hold(Bytes list) {
    store::LedgerChange change{
        .device = kPhone, .given = {}, .model = {}, .heard = calendar_now(), .seen = {}};
    change.seen.push_back(
        {.what = trust::Observation::What::list_maybe_given,
         .kind = trust::ListKind::itl,
         .version = index::version_of({.header = {}, .content = index::Blob(to_buffer(list))}),
         .at = 1,
         .from = "192.0.2.9"});
    ASSERT_TRUE(store::note_in_ledger(*store_, {&change, 1}, 1));
  }

  void put(const std::string& file, Bytes list) {
    std::vector<index::FileChange> changes{{file, index::FileBody{.content = index::Blob(to_buffer(list))}},
                                           {"a.xml", std::nullopt}};
    lists_.take_from(changes);
    ASSERT_EQ(changes.size(), 1u);
  }
  void remove(const std::string& file) {
    std::vector<index::FileChange> changes{{file, std::nullopt}};
    lists_.take_from(changes);
  }
  void judge() {
    files_ = files_.with(lists_.judge(*store_, [&]() -> Result<OwnLists::Found> {
      ++asked_;
      if (broken_) return fail("the key is missing");
      trust::Cluster now = cluster();
      return OwnLists::Found{trust::served_by(now, calendar_now()).value(), now.tftp.certificate};
    }));
    lists_.are_served();
  }
  bool serves(const std::string& file, Bytes list) {
    const index::FileEntry* found = files_.find(file);
    return found != nullptr && same_bytes(found->body.content.bytes(), list);
  }
  std::string why(const std::string& file) {
    auto found = lists_.withdrawn().find(file);
    return found == lists_.withdrawn().end() ? "" : found->second;
  }
  static bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }

  std::optional<store::Store> store_;
  OwnLists lists_;
  index::FileTable files_;
  int asked_ = 0;
  bool broken_ = false;
};

TEST_F(Own, AreJudgedWithEachStateAndWhenTheyComeAndNotElse) {
  judge();
  EXPECT_EQ(asked_, 0);
  const Buffer own = present_list();
  put(kItl, own);
  judge();
  EXPECT_TRUE(serves(kItl, own));
  judge();
  EXPECT_EQ(asked_, 1);
  regenerate(trust::Service::tftp);
  judge();
  EXPECT_TRUE(serves(kItl, own)) << "its signer is vouched for";
  for (const char* host : {"one", "two"}) regenerate(trust::Service::tvs, host);
  judge();
  EXPECT_EQ(files_.size(), 0u);
  EXPECT_TRUE(says(why("provisioning/" + std::string(kItl)), "it would lock"));
  put(kItl, present_list());
  judge();
  EXPECT_TRUE(serves(kItl, present_list()));
  EXPECT_TRUE(lists_.withdrawn().empty());
  EXPECT_EQ(asked_, 3);
  remove(kItl);
  judge();
  EXPECT_EQ(files_.size(), 0u);
}

TEST_F(Own, AreJudgedByEveryListThatTheirPhoneMayHold) {
  const Buffer old = present_list();
  for (const char* host : {"one", "two"}) regenerate(trust::Service::tvs, host);
  const Buffer own = list_by_other();
  put(kItl, own);
  judge();
  EXPECT_TRUE(serves(kItl, own)) << why("provisioning/" + std::string(kItl));
  // One that was off for a while cannot ask about its signer, and knows the cluster's.
  may_hold(old);
  lists_.begin_state();
  judge();
  EXPECT_FALSE(serves(kItl, own));
  EXPECT_TRUE(says(why("provisioning/" + std::string(kItl)), "by a list that it may hold"));
}

// What a phone was given in the last moment before a change is perhaps not in the ledger yet.
TEST_F(Own, AreJudgedByTheListOfTheStateBefore) {
  const Buffer old = present_list();
  put("ITLSEP001122334466.tlv", old);
  judge();
  for (const char* host : {"one", "two"})
    ASSERT_TRUE(store::regenerate(*store_, trust::Service::tvs, host, {.force = true, .hosts_agree = true}));
  put(kItl, list_by_other());
  judge();
  EXPECT_TRUE(says(why("provisioning/" + std::string(kItl)), "by a list that it may hold"));
}

TEST_F(Own, ThoseOfTheStoreGoBeforeTheFoldersAndAreForTheirPhoneAlone) {
  const Buffer own = present_list();
  put(kItl, own);
  regenerate(trust::Service::tftp);
  // By a key that nobody vouches for, for a phone that holds a list which names it.
  trust::TrustListFields fields = trust::itl_fields(cluster());
  fields.signer = {test_certificate("tftp"),
                   crypto::PrivateKey::from_pem_or_der(test_file("certs/tftp.key")).value()};
  fields.records[1].certificate = fields.signer.certificate;
  const Buffer made = trust::build_trust_list(fields, calendar_now()).value();
  lists_.set_made({{kItl, index::Blob(to_buffer(made))}});
  judge();
  EXPECT_TRUE(serves(kItl, made));
  // It was heard of elsewhere, with a list that does not.
  may_hold(present_list());
  lists_.begin_state();
  judge();
  EXPECT_EQ(files_.size(), 0u);
  EXPECT_TRUE(says(why(kItl), "by a list that it may hold"));
  lists_.set_made({});
  judge();
  EXPECT_TRUE(serves(kItl, own));
}

TEST_F(Own, OfTwoFilesOfOnePhoneTheOneIsServedThatItFinds) {
  const Buffer own = present_list();
  const std::string other = "itlSEP001122334455.tlv";
  put(other, own);
  put("ITLSEP001122334455.TLV", own);
  put(kItl, own);
  judge();
  EXPECT_EQ(lists_.served(), std::vector<std::string>{kItl});
  EXPECT_TRUE(says(why("provisioning/" + other), "its phone finds 'ITLSEP001122334455.tlv'"));
  remove(kItl);
  judge();
  EXPECT_EQ(lists_.served(), std::vector<std::string>{"ITLSEP001122334455.TLV"});
}

TEST_F(Own, WhatCannotBeJudgedIsNotServed) {
  put(kItl, present_list());
  broken_ = true;
  judge();
  EXPECT_EQ(files_.size(), 0u);
  EXPECT_EQ(why("provisioning/" + std::string(kItl)), "it cannot be judged: the key is missing");
  broken_ = false;
  judge();
  EXPECT_EQ(files_.size(), 1u);
}

}  // namespace
}  // namespace anchord::control
