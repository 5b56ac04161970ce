// The builder where one allocation after the other fails: nothing has changed then, and the next attempt
// comes to what a builder from the start would.
#include <gtest/gtest.h>

#include <set>

#include "../failing_new.h"
#include "../stores.h"
#include "anchord/base/hex.h"
#include "anchord/base/log.h"
#include "anchord/trust/trust_list.h"
#include "snapshot/builder.h"
#include "state.h"

namespace anchord::control {
namespace {

class BuilderWithoutMemory : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    log::set_level(log::Level::off);
    store_.emplace(make_store());
    builder_.emplace(store::Store::open(options_.state).value(), options_, 1);
    ASSERT_TRUE(builder_->choose_host());
    ASSERT_TRUE(builder_->stage());
    builder_->apply({.generation = builder_->context()->generation, .changes = files("0")});
    view_ = builder_->view();
  }
  void TearDown() override {
    view_.reset();
    State::TearDown();
    log::set_level(log::Level::info);
  }

  static std::vector<index::FileChange> files(const std::string& text) {
    return {{.name = "a", .body = index::FileBody{.content = index::Blob(to_buffer(as_bytes(text)))}},
            {.name = "b", .body = index::FileBody{.content = index::Blob(to_buffer(as_bytes(text)))}}};
  }
  static std::multiset<std::string> all_of(const index::CertificateIndex& index) {
    std::multiset<std::string> out;
    index.for_each([&](const index::CertificateRecord& record) {
      out.insert(std::string(as_text(record.der())) + std::to_string(record.ttl()));
    });
    return out;
  }
  // A change of the store: there is one certificate more or less.
  void change() {
    const auto odd = known("app-odd", {wire::Role::app_server});
    if (there_) {
      ASSERT_TRUE(remove_known(*store_, to_hex(odd.certificate.sha256()), store::agreed()));
    } else {
      ASSERT_TRUE(add_one(*store_, odd));
    }
    there_ = !there_;
  }

  std::optional<store::Store> store_;
  std::optional<Builder> builder_;
  std::unique_ptr<const service::View> view_;
  bool there_ = false;
};

TEST_F(BuilderWithoutMemory, EachStepIsDoneOrNot) {
  std::int64_t tried = 0;
  for (std::int64_t n = 0;; n += 1 + n / 40, ++tried) {
    change();
    const std::string text = std::to_string(n + 1);
    ProvisioningUpdate update{.generation = builder_->context()->generation, .changes = files(text)};
    const std::set<std::string> before = {std::string(as_text(view_->files.find("a")->body.content.bytes()))};
    bool failed = false;
    std::unique_ptr<const service::View> next;
    bool happened = false;
    {
      // As the service does: each step again until it is done, and the steps behind it only then.
      FailHere failing(n);
      auto until_done = [&](auto&& step) {
        for (;;) {
          try {
            return step();
          } catch (const std::bad_alloc&) {
            ASSERT_FALSE(failed) << "it failed twice";
            failed = true;
          }
        }
      };
      until_done([&] {
        Status staged = builder_->stage();
        ASSERT_TRUE(staged) << staged.error().text;
      });
      until_done([&] { builder_->apply(update); });
      until_done([&] { next = builder_->view(); });
      happened = failing.happened();
    }
    ASSERT_FALSE(HasFatalFailure()) << "allocation " << n;
    EXPECT_EQ(next->certificates.size(), there_ ? 7u : 6u) << "allocation " << n;
    for (const char* name : {"a", "b"})
      EXPECT_EQ(as_text(next->files.find(name)->body.content.bytes()), text) << "allocation " << n;
    EXPECT_TRUE(trust::verify_trust_list(next->files.find("ITLFile.tlv")->body.content.bytes()));
    EXPECT_EQ(builder_->built_from(), store_->change_counter().value()) << "allocation " << n;
    EXPECT_TRUE(before.contains(std::string(as_text(view_->files.find("a")->body.content.bytes()))));
    view_ = std::move(next);
    if (!happened) break;
    EXPECT_TRUE(failed) << "somebody has kept to himself that allocation " << n << " failed";
  }
  EXPECT_GT(tried, 100);
  Builder fresh(store::Store::open(options_.state).value(), options_, 1);
  ASSERT_TRUE(fresh.choose_host());
  ASSERT_TRUE(fresh.stage());
  fresh.apply({.generation = fresh.context()->generation, .changes = {}});
  EXPECT_TRUE(all_of(fresh.view()->certificates) == all_of(view_->certificates));
}

}  // namespace
}  // namespace anchord::control
