// A builder that follows changes, against one that begins with the store as it is.
#include "snapshot/builder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>
#include <set>

#include "../stores.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/lifecycle.h"
#include "anchord/trust/trust_list.h"
#include "state.h"

namespace anchord::control {
namespace {

class Following : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    store_.emplace(make_store());
    builder_.emplace(store::Store::open(options_.state).value(), options_, 1);
    ASSERT_TRUE(builder_->choose_host());
    auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
    for (int i = 0; i < 20; ++i) {
      crypto::SelfSignedRequest request{.not_before = calendar_now() - i * 3600, .days = 1};
      request.subject.append("CN", "c" + std::to_string(i));
      pool_.push_back(crypto::make_self_signed(key, request).value());
    }
  }

  static std::unique_ptr<const service::View> view_of(Builder& builder) {
    builder.apply({.generation = builder.context()->generation, .changes = {}});
    return builder.view();
  }

  static std::multiset<std::string> all_of(const index::CertificateIndex& index) {
    std::multiset<std::string> out;
    index.for_each([&](const index::CertificateRecord& record) {
      out.insert(to_text(record.der()) + to_text(record.roles()) + "," + std::to_string(record.ttl()));
    });
    return out;
  }
  static std::string to_text(Bytes bytes) { return std::string(as_text(bytes)); }

  static std::vector<std::string> all_of(const ExpiryWatch& watch) {
    std::vector<std::string> out;
    for (const ExpiryWatch::Certificate& one : watch.soonest_first())
      out.push_back(one.what + " " + std::string(one.sha256.text()) + (one.service ? " own " : " ") +
                    std::to_string(one.begins) + "-" + std::to_string(one.ends));
    return out;
  }

  void expect_as_from_the_start(const service::View& view) {
    Builder fresh(store::Store::open(options_.state).value(), options_, 1);
    ASSERT_TRUE(fresh.choose_host());
    ASSERT_TRUE(fresh.stage());
    auto whole = view_of(fresh);
    EXPECT_TRUE(all_of(view.certificates) == all_of(whole->certificates));
    EXPECT_EQ(view.certificates.size(), whole->certificates.size());
    for (const crypto::Certificate& certificate : pool_) {
      crypto::NormalName issuer;
      ASSERT_TRUE(issuer.from_der(certificate.issuer_der()));
      std::uint64_t key = index::name_key(issuer.text(), certificate.serial());
      auto is_it = [&](const index::CertificateRecord& record) {
        return same_bytes(record.der(), certificate.der());
      };
      EXPECT_EQ(view.certificates.find_named(key, is_it), view.certificates.find(certificate.der()));
    }
    for (const char* name : {phone::kItlFileName, phone::kCtlFileName}) {
      const index::FileEntry* list = view.files.find(name);
      const index::FileEntry* expected = whole->files.find(name);
      ASSERT_EQ(list != nullptr, expected != nullptr) << name;
      if (list != nullptr) {
        EXPECT_TRUE(same_bytes(list->body.content.bytes(), expected->body.content.bytes())) << name;
      }
    }
    EXPECT_EQ(builder_->built_from(), fresh.built_from());
    EXPECT_EQ(builder_->served_state().mode, fresh.served_state().mode);
    EXPECT_EQ(builder_->served_state().rolling_back, fresh.served_state().rolling_back);
    EXPECT_EQ(all_of(builder_->expiry()), all_of(fresh.expiry()));
  }

  void change(std::mt19937& random);
  std::filesystem::path key_of_recovery() {
    for (const auto& entry : std::filesystem::directory_iterator(options_.state / "keys"))
      if (entry.path().filename().string().starts_with("recovery-")) return entry.path();
    return {};
  }

  std::optional<store::Store> store_;
  std::optional<Builder> builder_;
  std::vector<crypto::Certificate> pool_;
};

void Following::change(std::mt19937& random) {
  auto below = [&](std::size_t end) { return random() % end; };
  auto any = [&] {
    std::vector<wire::Role> roles{wire::Role::app_server};
    if (below(2) == 0) roles.push_back(wire::Role::capf);
    return trust::KnownCertificate{
        pool_[below(pool_.size())], std::move(roles), static_cast<std::uint32_t>(below(3)), {}};
  };
  const store::ChangeRequest by_force{.force = true};
  switch (below(10)) {
    case 0:
    case 1:
    case 2:
      ASSERT_TRUE(add_one(*store_, any()));
      return;
    case 3: {
      std::vector<trust::KnownCertificate> many;
      for (std::size_t i = below(15); i > 0; --i) many.push_back(any());
      ASSERT_TRUE(add_known(*store_, many, store::agreed()));
      return;
    }
    case 4:
    case 5:
      (void)remove_known(*store_, std::string(store::HashText(pool_[below(pool_.size())]).text()),
                         store::agreed());
      return;
    case 6: {
      auto service = below(2) == 0 ? trust::Service::tftp_ec : trust::Service::tvs;
      ASSERT_TRUE(store::regenerate(*store_, service, service == trust::Service::tvs ? "two" : "", by_force));
      return;
    }
    case 7:  // not while it is prepared for a rollback
      (void)store::set_mode(*store_, below(2) == 0 ? trust::Mode::mixed : trust::Mode::nonsecure, by_force);
      return;
    case 8:  // not in mixed mode
      (void)(below(2) == 0 ? store::prepare_rollback(*store_, by_force)
                           : store::cancel_rollback(*store_, by_force));
      return;
    case 9:
      ASSERT_TRUE(store::drop_unneeded(*store_, calendar_now() + 1'000'000));
      return;
  }
}

TEST_F(Following, AnySequenceOfChangesComesToTheSameAsABeginning) {
  ASSERT_TRUE(builder_->stage());
  auto view = view_of(*builder_);
  expect_as_from_the_start(*view);
  std::mt19937 random(7);
  for (int step = 0; step < 60 && !HasFailure(); ++step) {
    SCOPED_TRACE(step);
    change(random);
    switch (random() % 5) {
      case 0:  // several at once
        continue;
      case 1:  // staged, and overtaken before there is a view
        ASSERT_TRUE(builder_->stage());
        continue;
      case 2: {  // fails in the middle, and nothing has changed
        auto before = all_of(view->certificates);
        auto watched = all_of(builder_->expiry());
        auto key = key_of_recovery();
        ASSERT_EQ(::chmod(key.c_str(), 0644), 0);
        EXPECT_FALSE(builder_->stage());
        ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
        EXPECT_TRUE(all_of(view->certificates) == before);
        EXPECT_EQ(all_of(builder_->expiry()), watched);
        continue;
      }
    }
    ASSERT_TRUE(builder_->stage());
    view = view_of(*builder_);
    expect_as_from_the_start(*view);
  }
}

TEST_F(Following, WhatWasSaidOfACertificateIsNotSaidAgainWhenAnotherChanges) {
  ASSERT_TRUE(add_one(*store_, {pool_[0], {wire::Role::app_server}, 60, {}}));
  ASSERT_TRUE(builder_->stage());
  UnixSeconds now = calendar_now();
  auto about = [&](int number) {
    return std::ranges::count_if(builder_->expiry().news(now), [&](const ExpiryWatch::News& one) {
      return one.text.find("CN=c" + std::to_string(number) + " ") != std::string::npos;
    });
  };
  EXPECT_EQ(about(0), 1);
  ASSERT_TRUE(add_one(*store_, {pool_[1], {wire::Role::app_server}, 60, {}}));
  ASSERT_TRUE(add_one(*store_, {pool_[0], {wire::Role::capf}, 60, {}}));
  ASSERT_TRUE(builder_->stage());
  EXPECT_EQ(about(1), 1);
  EXPECT_EQ(about(0), 0);
}

}  // namespace
}  // namespace anchord::control
