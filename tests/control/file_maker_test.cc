// What one provisioning file becomes.
#include "provisioning/file_maker.h"

#include <gtest/gtest.h>

#include "anchord/store/signatures.h"
#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/trust_list.h"
#include "state.h"

namespace anchord::control {
namespace {

constexpr char kPhoneFile[] = "SEP001122334455.cnf.xml";
constexpr UnixSeconds kNow = 1'700'000'000;

class FileMaker : public testing::Test {
 protected:
  static trust::Identity identity(const std::string& name) {
    return {test_certificate(name),
            crypto::PrivateKey::from_pem_or_der(test_file("certs/" + name + ".key")).value()};
  }
  std::map<std::string, index::FileBody> make(const std::string& name, Bytes content) {
    auto made = make_files(name, index::Blob(to_buffer(content)), context_, kept_, kNow);
    error_ = made ? "" : made.error().text;
    warning_ = made ? made->warning : "";
    std::map<std::string, index::FileBody> out;
    if (!made) return out;
    remark_ = made->remark;
    signed_ = made->made.size();
    for (index::FileChange& file : made->files) out.emplace(file.name, *file.body);
    for (store::SavedSignature& one : made->made) kept_[one.name] = one;
    return out;
  }
  std::map<std::string, index::FileBody> make(const std::string& name, std::string_view content) {
    return make(name, as_bytes(content));
  }
  static Buffer whole(const index::FileBody& body) {
    Buffer out = to_buffer(body.header.bytes());
    out.insert(out.end(), body.content.bytes().begin(), body.content.bytes().end());
    return out;
  }
  static std::vector<std::string> names(const std::map<std::string, index::FileBody>& files) {
    std::vector<std::string> out;
    for (const auto& [name, body] : files) out.push_back(name);
    return out;
  }

  ProvisioningContext context_{.generation = 1, .signer = identity("tftp")};
  SavedSignatures kept_;
  std::string error_;
  std::string remark_;
  std::string warning_;
  std::size_t signed_ = 0;
};

using Names = std::vector<std::string>;

TEST_F(FileMaker, SignsUnderThePathThatPhonesAskFor) {
  auto files = make("New_Zealand/g3-tones.xml", "<tones/>");
  EXPECT_EQ(names(files), (Names{"New_Zealand/g3-tones.xml", "New_Zealand/g3-tones.xml.sgn",
                                 "New_Zealand/g3-tones.xml.sha512"}));
  for (const char* ending : {".sgn", ".sha512"}) {
    std::string name = std::string("New_Zealand/g3-tones.xml") + ending;
    Buffer file = whole(files.at(name));
    auto verified = trust::verify_signed_file(file, context_.signer.certificate);
    ASSERT_TRUE(verified) << verified.error().text;
    EXPECT_EQ(verified->header.file_name, name);
    EXPECT_EQ(as_text(verified->content), "<tones/>");
    EXPECT_TRUE(files.at(name).content.shares_with(files.at("New_Zealand/g3-tones.xml").content));
  }
  context_.signing.digest = wire::Digest::sha1;
  EXPECT_EQ(names(make("a.txt", "x")), (Names{"a.txt", "a.txt.sgn"}));
}

TEST_F(FileMaker, UsesAKeptSignatureOnlyForTheVerySameInputs) {
  make("a.txt", "x");
  EXPECT_EQ(signed_, 2u);
  auto again = make("a.txt", "x");
  EXPECT_EQ(signed_, 0u);
  EXPECT_TRUE(trust::verify_signed_file(whole(again.at("a.txt.sgn")), context_.signer.certificate));
  make("a.txt", "y");
  EXPECT_EQ(signed_, 2u);
  make("b.txt", "y");
  EXPECT_EQ(signed_, 2u);
  context_.signer = identity("capf");
  auto other = make("a.txt", "y");
  EXPECT_EQ(signed_, 2u);
  EXPECT_TRUE(trust::verify_signed_file(whole(other.at("a.txt.sgn")), test_certificate("capf")));
  // One that was damaged on the disk is not believed.
  kept_.at("a.txt.sgn").header[40] ^= 1;
  auto repaired = make("a.txt", "y");
  EXPECT_EQ(signed_, 1u);
  EXPECT_TRUE(trust::verify_signed_file(whole(repaired.at("a.txt.sgn")), test_certificate("capf")));
}

TEST_F(FileMaker, RefusesAConfigurationThatPhonesWouldDrop) {
  for (const char* name : {kPhoneFile, "xmldefault.CNF.XML", "de/SEP00112233AAAA.cnf.xml"}) {
    EXPECT_TRUE(make(name, "<a>\n<b>\n</a>").empty()) << name;
    EXPECT_TRUE(error_.starts_with("is not well-formed XML: line 3, column 3: ")) << error_;
    EXPECT_TRUE(make(name, "").empty()) << name;
  }
}

// The vendor's own dictionaries are not well-formed, and phones take them.
TEST_F(FileMaker, WarnsOfOtherXml) {
  EXPECT_EQ(make("RINGLIST.XML", "<a>\n<b>\n</a>").size(), 3u);
  EXPECT_TRUE(warning_.starts_with("is not well-formed XML: line 3, column 3: ")) << warning_;
  Buffer dictionary = test_file("foreign/7960-dictionary.xml");
  auto files = make("English_United_States/7960-dictionary.xml", dictionary);
  EXPECT_EQ(files.size(), 3u);
  for (const auto& [name, body] : files) EXPECT_TRUE(same_bytes(body.content.bytes(), dictionary)) << name;
  EXPECT_EQ(warning_, "has what XML does not allow: line 3, column 26: a control character (0x1F)");
  EXPECT_EQ(make("good.xml", "<a/>").size(), 3u);
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(make("a.txt", "<a><b></a>").size(), 3u);
  EXPECT_EQ(warning_, "");
}

TEST_F(FileMaker, ServesWhatTheVendorHasSignedAsItIs) {
  Buffer firmware = test_file("foreign/SIP69xx.9-4-1-3SR3.zz.sgn");
  for (const char* name : {"SIP69xx.9-4-1-3SR3.zz.sgn", "de/dkg.loads.SGN"}) {
    auto files = make(name, firmware);
    EXPECT_EQ(names(files), Names{name});
    EXPECT_TRUE(same_bytes(whole(files.at(name)), firmware));
    EXPECT_EQ(signed_, 0u);
  }
  // Of our version, but by another signer.
  Buffer other = trust::sign_file("a.sgn", as_bytes("a"), identity("capf"), {}, kNow).value();
  EXPECT_EQ(names(make("a.sgn", other)), Names{"a.sgn"});
  context_.rolling_back = true;
  EXPECT_EQ(names(make("a.sgn", other)), Names{"a.sgn"});
}

TEST_F(FileMaker, RefusesWhatWouldPassForASignedFileOfTheCluster) {
  Buffer own = trust::sign_file("a.sgn", as_bytes("a"), context_.signer, {}, kNow).value();
  EXPECT_TRUE(make("a.sgn", own).empty());
  EXPECT_NE(error_.find("signed by the cluster"), std::string::npos) << error_;
  EXPECT_TRUE(make("a.sgn", "no signed file").empty());
  EXPECT_NE(error_.find("put the unsigned file in its place"), std::string::npos) << error_;
  EXPECT_TRUE(make("a.sgn", test_file("sha512/ITLFile.tlv")).empty());
}

TEST_F(FileMaker, EncryptsForAPhoneWithACertificateAndServesNothingPlain) {
  Buffer plain = test_file(kPhoneFile);
  context_.devices.emplace("SEP001122334455", test_certificate("phone"));
  auto files = make(kPhoneFile, plain);
  EXPECT_EQ(names(files), (Names{"SEP001122334455.cnf.xml.enc.sgn", "SEP001122334455.cnf.xml.sgn",
                                 "SEP001122334455.cnf.xml.sha512"}));
  Buffer encrypted = whole(files.at("SEP001122334455.cnf.xml.enc.sgn"));
  crypto::PrivateKey key = crypto::PrivateKey::from_pem_or_der(test_file("certs/phone.key")).value();
  EXPECT_EQ(trust::decrypt_file(encrypted, key).value(), plain);
  Buffer reduced = whole(files.at("SEP001122334455.cnf.xml.sgn"));
  EXPECT_EQ(as_text(reduced).find("not-a-real-password"), std::string_view::npos);
  ASSERT_TRUE(trust::verify_signed_file(reduced, context_.signer.certificate));
  for (const auto& [name, body] : files)
    EXPECT_EQ(as_text(whole(body)).find("not-a-real-password"), std::string_view::npos) << name;

  // A restart makes the same bytes from what was kept; an update has another key.
  auto again = make(kPhoneFile, plain);
  EXPECT_EQ(signed_, 0u);
  EXPECT_EQ(whole(again.at("SEP001122334455.cnf.xml.enc.sgn")), encrypted);
  kept_.erase("SEP001122334455.cnf.xml.enc.sgn");
  auto updated = make(kPhoneFile, plain);
  EXPECT_FALSE(same_bytes(updated.at("SEP001122334455.cnf.xml.enc.sgn").content.bytes(),
                          files.at("SEP001122334455.cnf.xml.enc.sgn").content.bytes()));
  // Nor does a copy of it in another folder, or in another case, give the secrets away.
  for (const char* copy : {"old/SEP001122334455.cnf.xml", "sep001122334455.CNF.XML"})
    for (const auto& [name, body] : make(copy, plain))
      EXPECT_EQ(as_text(whole(body)).find("not-a-real-password"), std::string_view::npos) << name;
}

TEST_F(FileMaker, AnEcCertificateIsSaidPlainlyAndAnUnreadableOneHoldsTheFileBack) {
  Buffer plain = test_file(kPhoneFile);
  context_.devices.emplace("SEP001122334455", test_certificate("app-ec"));
  EXPECT_EQ(make(kPhoneFile, plain).size(), 3u);
  EXPECT_TRUE(remark_.starts_with("is served unencrypted")) << remark_;
  context_.devices.at("SEP001122334455") = std::nullopt;
  EXPECT_TRUE(make(kPhoneFile, plain).empty());
  EXPECT_NE(error_.find("certificate of SEP001122334455 cannot be used"), std::string::npos) << error_;
}

TEST_F(FileMaker, TheDefaultConfigurationFollowsTheMode) {
  EXPECT_EQ(make("XMLDefault.cnf.xml", "<Default/>").size(), 3u);
  context_.mode = trust::Mode::mixed;
  EXPECT_TRUE(make("XMLDefault.cnf.xml", "<Default/>").empty());
  EXPECT_EQ(error_, "");
  EXPECT_EQ(make("other.cnf.xml", "<Default/>").size(), 3u);
}

// Whose signer the phones would take is judged by the state of the cluster: own_lists.h.
TEST_F(FileMaker, APhonesOwnListIsTakenAsItIsWhenItIsOne) {
  trust::TrustListFields fields{.signer = context_.signer,
                                .records = {{context_.signer.certificate, wire::Role::sast, ""}}};
  Buffer list = trust::build_trust_list(fields, kNow).value();
  auto files = make("ITLSEP001122334455.tlv", list);
  ASSERT_EQ(names(files), Names{"ITLSEP001122334455.tlv"});
  EXPECT_EQ(whole(files.begin()->second), list);
  EXPECT_TRUE(make("CTLSEP001122334455.tlv", list).empty());
  EXPECT_EQ(error_, "cannot be served: it is named 'ITLFile.tlv' inside; phones expect 'CTLFile.tlv'");
  context_.signer = identity("capf");
  EXPECT_EQ(names(make("ITLSEP001122334455.tlv", list)), Names{"ITLSEP001122334455.tlv"});
  list[list.size() / 2] ^= 1;
  EXPECT_TRUE(make("ITLSEP001122334455.tlv", list).empty());
  EXPECT_TRUE(error_.starts_with("cannot be served: it is no trust list that phones take: ")) << error_;
}

TEST_F(FileMaker, NamesThatAreMadeHereOrThatNobodyCanAskForAreRefused) {
  for (const char* name : {"XMLDefault.cnf.xml.sgn", "SEP001122334455.cnf.xml.sgn", "itlfile.tlv.sgn",
                           "ITLSEP001122334455.tlv.sgn", "a.xml.SHA512", "SEP001122334455.cnf.xml.enc.sgn",
                           "ITLFile.tlv", "ctlfile.TLV", "a\nb", "a\\b", "\x7f"})
    EXPECT_FALSE(check_name(name)) << name;
  EXPECT_FALSE(check_name(std::string(248, 'a')));
  for (const char* name : {"a", "de/f\xc3\xbc.xml", "ITLSEP001122334455.tlv", "sgn"})
    EXPECT_TRUE(check_name(name)) << name;
  EXPECT_TRUE(check_name(std::string(247, 'a')));
}

TEST_F(FileMaker, WhileRollingBackEverythingIsPlainAndAPhonesOwnItlIsLeftOut) {
  Buffer plain = test_file(kPhoneFile);
  context_.devices.emplace("SEP001122334455", test_certificate("phone"));
  context_.devices.emplace("SEP00112233AAAA", std::nullopt);
  context_.rolling_back = true;
  auto files = make(kPhoneFile, plain);
  EXPECT_EQ(names(files), (Names{kPhoneFile}));
  EXPECT_EQ(whole(files.at(kPhoneFile)), plain);
  EXPECT_EQ(signed_, 0u);
  EXPECT_EQ(names(make("SEP00112233AAAA.cnf.xml", plain)), (Names{"SEP00112233AAAA.cnf.xml"}));
  EXPECT_EQ(names(make("XMLDefault.cnf.xml", "<a/>")), (Names{"XMLDefault.cnf.xml"}));
  EXPECT_EQ(names(make("firmware.loads", "x")), (Names{"firmware.loads"}));
  // Nobody is served what phones would drop, then either.
  EXPECT_TRUE(make("XMLDefault.cnf.xml", "<a>").empty());
  EXPECT_FALSE(error_.empty());

  Buffer itl =
      trust::build_trust_list(
          {.signer = context_.signer, .records = {{context_.signer.certificate, wire::Role::sast, ""}}}, kNow)
          .value();
  EXPECT_TRUE(make("ITLSEP001122334455.tlv", itl).empty());
  EXPECT_EQ(error_, "");
  context_.rolling_back = false;
  EXPECT_EQ(names(make("ITLSEP001122334455.tlv", itl)), (Names{"ITLSEP001122334455.tlv"}));
}

}  // namespace
}  // namespace anchord::control
