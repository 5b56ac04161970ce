// Builder and provisioner joined as the server joins them, on a store that is changed by
// another program: what every single view shows.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "../time_bound.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/issued_lists.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/phones.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/trust_list.h"
#include "provisioning/provisioner.h"
#include "snapshot/builder.h"
#include "state.h"

namespace anchord::control {
namespace {

using View = std::unique_ptr<const service::View>;

class Publication : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    ::signal(SIGIO, SIG_IGN);
    store_.emplace(make_store());
    write("a.xml", "<a>0</a>");
    write("SEP001122334455.cnf.xml", "<device><phonePassword>x</phonePassword></device>");
    write("SEP00112233AAAA.cnf.xml", "<device/>");
    write("XMLDefault.cnf.xml", "<default/>");
    trust::Phone phone{.name = "SEP001122334455", .certificate = test_certificate("phone")};
    ASSERT_TRUE(put_phones(*store_, {&phone, 1}));
    builder_.emplace(store::Store::open(options_.state).value(), options_, 1);
    ASSERT_TRUE(builder_->choose_host());
    provisioner_ = Provisioner::start(options_.state, {.max_file = 1 << 20, .max_folder = 1 << 24},
                                      store::Store::open(options_.state).value())
                       .value();
    follow();
  }
  void TearDown() override {
    provisioner_.reset();
    State::TearDown();
  }

  void write(const std::string& name, std::string_view text) {
    std::ofstream(options_.state / "provisioning" / name) << text;
  }

  void publish() {
    if (!builder_->ready()) return;
    view_ = builder_->view();
    consistent(*view_);
  }

  // To the store's newest state, while files change too.
  void follow() {
    ASSERT_TRUE(builder_->store_changed().value());
    Status staged = builder_->stage();
    ASSERT_TRUE(staged) << staged.error().text;
    if (!builder_->ready()) provisioner_->set_context(builder_->context());
    follow_files();
    EXPECT_EQ(builder_->built_from(), store_->change_counter().value());
  }
  // What was written before is in the view then.
  void follow_files() {
    std::string text = fmt_number();
    write("a.xml", text);
    publish();
    Millis end = monotonic_now() + time_bound();
    while (!builder_->ready() || view_ == nullptr || !serves("a.xml", text)) {
      ASSERT_LT(monotonic_now(), end) << "waited in vain";
      pollfd waiting{provisioner_->descriptor(), POLLIN, 0};
      ::poll(&waiting, 1, 20);
      while (auto update = provisioner_->take()) {
        builder_->apply(std::move(*update));
        publish();
      }
    }
  }
  std::string fmt_number() { return "<a>" + std::to_string(++written_) + "</a>"; }

  // Whatever happens, no phone is ever shown two states at once.
  void consistent(const service::View& view) {
    Bytes itl = view.files.find(phone::kItlFileName)->body.content.bytes();
    auto list = trust::verify_trust_list(itl);
    ASSERT_TRUE(list) << list.error().text;
    const index::FileEntry* ctl = view.files.find(phone::kCtlFileName);
    EXPECT_TRUE(ctl == nullptr || trust::verify_trust_list(ctl->body.content.bytes(), list->signer));
    bool emptied = false;
    for (const wire::Record& record : list->list.records) emptied = emptied || record.certificate.empty();
    EXPECT_EQ(view.certificates.size() == 0, emptied);
    const index::CertificateRecord* signer = view.certificates.find(list->signer.der());
    EXPECT_EQ(signer == nullptr, emptied);
    std::size_t signed_files = 0;
    view.files.for_each([&](const index::FileEntry& file) {
      if (file.body.header.size() == 0) return;
      ++signed_files;
      EXPECT_TRUE(
          trust::verify_header(file.name, file.body.header.bytes(), file.body.content.bytes(), list->signer))
          << file.name;
    });
    EXPECT_EQ(signed_files == 0, emptied);
    if (const index::FileEntry* own = view.files.find(kOwnList)) {
      auto its = trust::verify_trust_list(own->body.content.bytes());
      ASSERT_TRUE(its);
      EXPECT_NE(view.certificates.find(its->signer.der()), nullptr);
    }
  }
  static constexpr const char* kOwnList = "ITLSEP00112233AAAA.tlv";

  bool serves(const std::string& name, std::string_view text) {
    const index::FileEntry* file = view_->files.find(name);
    return file != nullptr && as_text(file->body.content.bytes()) == text;
  }
  bool serves(const std::string& name) { return view_->files.find(name) != nullptr; }
  Buffer list(const char* name) { return to_buffer(view_->files.find(name)->body.content.bytes()); }
  trust::Cluster cluster() { return store_->load(store::KeyUse::without_keys).value().cluster; }
  bool knows(const crypto::Certificate& certificate) {
    return view_->certificates.find(certificate.der()) != nullptr;
  }

  std::optional<store::Store> store_;
  std::optional<Builder> builder_;
  std::unique_ptr<Provisioner> provisioner_;
  View view_;
  int written_ = 0;
};

TEST_F(Publication, ANewSignersListsAndFilesComeTogetherAndTheOldOneStaysKnown) {
  trust::Cluster before = cluster();
  auto made = store::regenerate(*store_, trust::Service::tftp, "", {.hosts_agree = true});
  ASSERT_TRUE(made) << made.error().text;
  follow();
  auto itl = trust::verify_trust_list(view_->files.find(phone::kItlFileName)->body.content.bytes());
  EXPECT_EQ(itl->signer, made->after);
  EXPECT_TRUE(knows(made->after));
  EXPECT_TRUE(knows(before.tftp.certificate));
  EXPECT_EQ(builder_->context()->signer.certificate, made->after);
  EXPECT_TRUE(serves("SEP001122334455.cnf.xml.enc.sgn"));
}

TEST_F(Publication, ANewVerificationServicesCertificateIsPresentedAndListed) {
  trust::Cluster before = cluster();
  ASSERT_EQ(builder_->host(), "two");
  Buffer old_itl = list(phone::kItlFileName);
  auto made = store::regenerate(*store_, trust::Service::tvs, "two", {.hosts_agree = true});
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->before, before.tvs[1].certificate);
  auto contexts = view_->tls;
  std::uint64_t generation = builder_->context()->generation;
  follow();
  EXPECT_EQ(builder_->context()->generation, generation);  // no file is signed anew
  EXPECT_FALSE(same_bytes(list(phone::kItlFileName), old_itl));
  EXPECT_TRUE(knows(made->before) && knows(made->after));
  auto itl = trust::verify_trust_list(view_->files.find(phone::kItlFileName)->body.content.bytes());
  EXPECT_TRUE(std::ranges::any_of(itl->list.records, [&](const wire::Record& record) {
    return same_bytes(record.certificate, made->after.der());
  }));
}

TEST_F(Publication, MixedModeBringsTheCtlAndEndsAutoregistration) {
  EXPECT_FALSE(serves(phone::kCtlFileName));
  EXPECT_TRUE(serves("XMLDefault.cnf.xml.sgn"));
  ASSERT_TRUE(store::set_mode(*store_, trust::Mode::mixed, {.hosts_agree = true}).value());
  follow();
  EXPECT_TRUE(serves(phone::kCtlFileName));
  EXPECT_FALSE(serves("XMLDefault.cnf.xml") || serves("XMLDefault.cnf.xml.sgn"));
  EXPECT_EQ(builder_->served_state().mode, trust::Mode::mixed);
  Buffer mixed = list(phone::kCtlFileName);
  // Phones keep their CTL: it alone can tell them of the other mode.
  ASSERT_TRUE(store::set_mode(*store_, trust::Mode::nonsecure, {.hosts_agree = true}).value());
  follow();
  EXPECT_FALSE(same_bytes(list(phone::kCtlFileName), mixed));
  EXPECT_TRUE(serves("XMLDefault.cnf.xml.sgn"));
  EXPECT_EQ(builder_->served_state().mode, trust::Mode::nonsecure);
}

TEST_F(Publication, AnOwnListGoesWithTheViewInWhichItsSignerIsKnownNoMore) {
  trust::Cluster before = cluster();
  Buffer own = list(phone::kItlFileName);
  write(kOwnList, as_text(own));
  ASSERT_TRUE(store::regenerate(*store_, trust::Service::tftp, "", {.hosts_agree = true}));
  follow();
  EXPECT_TRUE(serves(kOwnList, as_text(own)));
  std::string former = std::string(store::HashText(before.tftp.certificate).text());
  ASSERT_TRUE(store::remove_known(*store_, former, {.force = true}));
  follow();
  EXPECT_FALSE(serves(kOwnList));
  EXPECT_TRUE(builder_->own_lists().withdrawn().contains(std::string("provisioning/") + kOwnList));
  EXPECT_TRUE(builder_->own_lists().served().empty());
  write(kOwnList, as_text(list(phone::kItlFileName)));
  follow_files();
  EXPECT_TRUE(serves(kOwnList));
  EXPECT_TRUE(builder_->own_lists().withdrawn().empty());
}

TEST_F(Publication, ARollbackServesThePlainAndVouchesForNothingUntilItIsCancelled) {
  EXPECT_FALSE(serves("SEP001122334455.cnf.xml"));
  EXPECT_TRUE(serves("SEP001122334455.cnf.xml.enc.sgn"));
  ASSERT_TRUE(store::prepare_rollback(*store_, {.hosts_agree = true}).value());
  follow();
  EXPECT_TRUE(builder_->served_state().rolling_back);
  EXPECT_EQ(view_->certificates.size(), 0u);
  EXPECT_TRUE(serves("SEP001122334455.cnf.xml", "<device><phonePassword>x</phonePassword></device>"));
  EXPECT_TRUE(serves("SEP00112233AAAA.cnf.xml") && serves("XMLDefault.cnf.xml"));
  for (const char* ending : {".sgn", ".sha512", ".enc.sgn"})
    for (const char* name : {"a.xml", "SEP001122334455.cnf.xml", "XMLDefault.cnf.xml"})
      EXPECT_FALSE(serves(std::string(name) + ending)) << name << ending;
  ASSERT_TRUE(store::cancel_rollback(*store_, {.hosts_agree = true}).value());
  follow();
  EXPECT_FALSE(builder_->served_state().rolling_back);
  EXPECT_EQ(view_->certificates.size(), 6u);
  EXPECT_FALSE(serves("SEP001122334455.cnf.xml"));
  EXPECT_TRUE(serves("SEP001122334455.cnf.xml.enc.sgn") && serves("a.xml.sgn"));
}

}  // namespace
}  // namespace anchord::control
