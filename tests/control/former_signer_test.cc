// Files that are refused now, when the cluster's signer changes: no signature of a former key stays in
// service.
#include <algorithm>

#include "anchord/store/phones.h"
#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/signed_file.h"
#include "provisioning.h"

namespace anchord::control {
namespace {

class FormerSigner : public Provisioning {
 protected:
  const std::string name_ = "SEP001122334455.cnf.xml";
  std::filesystem::path pem() { return options_.state / "devices/SEP001122334455.pem"; }
  void break_certificate() { std::ofstream(pem()) << "broken"; }
  void put_certificate() {
    std::filesystem::copy_file(std::string(ANCHORD_TEST_DATA) + "/certs/phone.crt", pem(),
                               std::filesystem::copy_options::overwrite_existing);
  }
  void regenerate_signer() {
    other_signer_ = true;
    set_context();
  }
  // What is signed is signed by the present key; so many files are, .sgn and .sha512 and .enc.sgn.
  void expect_signed(std::size_t count) {
    auto cluster = store_->load(store::KeyUse::without_keys).value().cluster;
    auto signer = other_signer_ ? cluster.capf.certificate : cluster.tftp.certificate;
    std::size_t checked = 0;
    files_.for_each([&](const index::FileEntry& file) {
      if (file.body.header.size() == 0) return;
      ++checked;
      EXPECT_TRUE(
          trust::verify_header(file.name, file.body.header.bytes(), file.body.content.bytes(), signer))
          << file.name;
    });
    EXPECT_EQ(checked, count);
  }
};

TEST_F(FormerSigner, APlainFileWhoseDevicesCertificateBrokeIsSignedAnew) {
  write(name_, as_text(test_file(name_)));
  start();
  break_certificate();
  until([&] { return !problem("provisioning/" + name_).empty(); });
  const std::string before = problem("provisioning/" + name_);
  expect_signed(2);
  regenerate_signer();
  expect_signed(2);
  EXPECT_TRUE(serves(name_ + ".sgn", as_text(test_file(name_))));
  EXPECT_EQ(files_.find(name_ + ".enc.sgn"), nullptr);
  EXPECT_EQ(problem("provisioning/" + name_), before);
  EXPECT_EQ(served("provisioning/" + name_), protocol::Served::last_good);
  // And again, although it is broken on the disk too.
  write(name_, "<broken");
  until([&] { return problem("provisioning/" + name_).find("not well-formed") != std::string::npos; });
  other_signer_ = false;
  set_context();
  expect_signed(2);
  std::filesystem::remove(pem());
  write(name_, "<device/>");
  until([&] { return serves(name_ + ".sgn", "<device/>") && provisioner_->report().problems.empty(); });
}

// Its certificate came by command, was taken back, and what is in the folder instead cannot be read.
TEST_F(FormerSigner, AnEncryptedFileIsEncryptedToTheSameDeviceAnew) {
  trust::Phone phone{.name = "SEP001122334455", .certificate = test_certificate("phone")};
  ASSERT_TRUE(put_phones(*store_, {&phone, 1}));
  write(name_, as_text(test_file(name_)));
  break_certificate();
  start();
  expect_signed(3);
  phones_ = false;
  set_context();
  ASSERT_TRUE(problem("provisioning/" + name_).starts_with("cannot be encrypted"));
  regenerate_signer();
  expect_signed(3);
  EXPECT_EQ(files_.find(name_), nullptr);
  auto key = crypto::PrivateKey::from_pem_or_der(test_file("certs/phone.key")).value();
  const index::FileBody& body = files_.find(name_ + ".enc.sgn")->body;
  Buffer whole = to_buffer(body.header.bytes());
  std::ranges::copy(body.content.bytes(), std::back_inserter(whole));
  EXPECT_EQ(trust::decrypt_file(whole, key).value(), test_file(name_));
}

TEST_F(FormerSigner, AFileThatCannotBeEncryptedForItsShapeIsSignedAnewAsItWas) {
  write(name_, "<other/>");
  start();
  put_certificate();
  until([&] { return !problem("provisioning/" + name_).empty(); });
  regenerate_signer();
  expect_signed(2);
  EXPECT_TRUE(serves(name_ + ".sgn", "<other/>"));
}

// What is served plain for a rollback, and could not be encrypted, is not served plain after it.
TEST_F(FormerSigner, WhatWasPlainForARollbackIsWithdrawnWithIt) {
  write(name_, as_text(test_file(name_)));
  break_certificate();
  start();
  EXPECT_EQ(files_.size(), 0u);
  rolling_back_ = true;
  set_context();
  EXPECT_EQ(files_.size(), 1u);
  rolling_back_ = false;
  set_context();
  EXPECT_EQ(files_.size(), 0u);
  EXPECT_EQ(served("provisioning/" + name_), protocol::Served::nothing);
}

// A file that the new key has signed elsewhere would pass for one of the cluster's.
TEST_F(FormerSigner, WhatCannotBeMadeAnewIsWithdrawnAndSaysSo) {
  auto cluster = store_->load(store::KeyUse::with_keys).value().cluster;
  trust::Identity other{cluster.capf.certificate, cluster.capf.key};
  Buffer file = trust::sign_file("ring.bin.sgn", as_bytes("ring"), other, {}, calendar_now()).value();
  write("ring.bin.sgn", as_text(file));
  start();
  EXPECT_TRUE(serves("ring.bin.sgn", as_text(file)));
  regenerate_signer();
  EXPECT_EQ(files_.find("ring.bin.sgn"), nullptr);
  EXPECT_EQ(served("provisioning/ring.bin.sgn"), protocol::Served::nothing);
  EXPECT_NE(problem("provisioning/ring.bin.sgn").find("nothing of it is served any more"), std::string::npos)
      << problem("provisioning/ring.bin.sgn");
  // It is looked at again by itself, and with the cluster.
  provisioner_->rescan();
  write("tick", "1");
  until([&] { return serves("tick", "1"); });
  EXPECT_EQ(files_.find("ring.bin.sgn"), nullptr);
  other_signer_ = false;
  set_context();
  EXPECT_TRUE(serves("ring.bin.sgn", as_text(file)));
  EXPECT_EQ(problem("provisioning/ring.bin.sgn"), "");
}

TEST_F(FormerSigner, AFileThatIsGoneAndHeldIsSignedAnew) {
  for (int i = 0; i < 30; ++i) write("f" + std::to_string(i), "x");
  start({.max_file = 1 << 20, .max_folder = 1 << 24, .hold_removals = 3'600'000});
  for (int i = 0; i < 30; ++i)
    std::filesystem::remove(options_.state / "provisioning" / ("f" + std::to_string(i)));
  until([&] { return provisioner_->report().held.files == 30; });
  regenerate_signer();
  expect_signed(60);
}

TEST_F(FormerSigner, ACopyOfBeforeARestartIsSignedByThePresentKey) {
  write(name_, "<device/>");
  start();
  write(name_, "<broken");
  until([&] { return std::filesystem::exists(copy(name_)); });
  stop();
  other_signer_ = true;
  start();
  expect_signed(2);
  EXPECT_TRUE(serves(name_ + ".sgn", "<device/>"));
}

}  // namespace
}  // namespace anchord::control
