#include "anchord/trust/signed_file.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace anchord::trust {
namespace {

constexpr char kSignedName[] = "SEP001122334455.cnf.xml.sgn";

class VectorFile : public testing::TestWithParam<std::string> {
 protected:
  Buffer file_ = vector_file(GetParam() + "/" + kSignedName);
};
INSTANTIATE_TEST_SUITE_P(Digests, VectorFile, testing::Values("sha1", "sha512"),
                         [](const auto& about) { return about.param; });

TEST_P(VectorFile, IsMadeByteForByte) {
  auto parsed = verify_signed_file(file_, vector_certificate("tftp"));
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(parsed->header.file_name, kSignedName);
  auto made = sign_file(kSignedName, parsed->content, vector_identity("tftp"), vector_signing(GetParam()),
                        parsed->header.timestamp);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_TRUE(same_bytes(*made, file_));
}

TEST_P(VectorFile, IsRefusedAfterAnySingleByteIsChanged) {
  crypto::Certificate signer = vector_certificate("tftp");
  for (std::size_t i = 0; i < file_.size(); ++i) {
    file_[i] ^= 0x20;
    ASSERT_FALSE(verify_signed_file(file_, signer)) << "byte " << i;
    file_[i] ^= 0x20;
  }
  EXPECT_TRUE(verify_signed_file(file_, signer));
}

TEST_P(VectorFile, IsRefusedForAnotherSigner) {
  auto verified = verify_signed_file(file_, vector_certificate("recovery"));
  ASSERT_FALSE(verified);
  expect_error(verified.error(), {"signed by", "not by 'CN=ITLRECOVERY_"});
}

TEST_P(VectorFile, IsStripped) {
  auto file = wire::parse_signed_file(file_);
  ASSERT_TRUE(file);
  EXPECT_TRUE(as_text(file->content).starts_with("<?xml"));
  EXPECT_TRUE(as_text(file->content).ends_with("</device>\n"));
  EXPECT_FALSE(wire::parse_signed_file(Bytes(file_).first(300)));
}

TEST_P(VectorFile, EncryptedOneVerifiesToo) {
  Buffer file = vector_file(GetParam() + "/SEP001122334455.cnf.xml.enc.sgn");
  auto verified = verify_signed_file(file, vector_certificate("tftp"));
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_TRUE(verified->header.encryption);
}

TEST(SignFile, KeepsEveryContent) {
  Identity signer = vector_identity("tftp");
  Buffer large(3 << 20, 0xa5);
  for (Bytes content : {Bytes{}, as_bytes("x"), Bytes(large)}) {
    Buffer file = sign_file("New_Zealand/g3-tones.xml.sgn", content, signer, {}, 7).value();
    auto verified = verify_signed_file(file, signer.certificate);
    ASSERT_TRUE(verified) << verified.error().text;
    EXPECT_TRUE(same_bytes(verified->content, content));
    EXPECT_EQ(verified->header.file_name, "New_Zealand/g3-tones.xml.sgn");
    EXPECT_EQ(verified->header.digest, wire::Digest::sha512);
  }
}

TEST(SignHeader, IsWhatStandsInFrontOfTheContent) {
  Identity signer = vector_identity("tftp");
  Buffer header = sign_header("a.sgn", as_bytes("content"), signer, {}, 7).value();
  Buffer file = sign_file("a.sgn", as_bytes("content"), signer, {}, 7).value();
  EXPECT_EQ(as_text(file), std::string(as_text(header)) + "content");
}

TEST(VerifyHeader, IsOfThatNameContentAndSigner) {
  Identity signer = vector_identity("tftp");
  Buffer header = sign_header("a.sgn", as_bytes("content"), signer, {}, 7).value();
  auto problem = [&](std::string_view name, Bytes of, std::string_view content, const char* who) {
    auto good = verify_header(name, of, as_bytes(content), vector_certificate(who));
    return good ? "" : good.error().text;
  };
  EXPECT_EQ(problem("a.sgn", header, "content", "tftp"), "");
  EXPECT_EQ(problem("b.sgn", header, "content", "tftp"), "it is the header of 'a.sgn', not of 'b.sgn'");
  EXPECT_NE(problem("a.sgn", header, "contents", "tftp"), "");
  EXPECT_NE(problem("a.sgn", header, "conten", "tftp"), "");
  EXPECT_NE(problem("a.sgn", header, "", "tftp"), "");
  EXPECT_NE(problem("a.sgn", header, "content", "recovery"), "");
  EXPECT_NE(problem("a.sgn", {}, "content", "tftp"), "");
  EXPECT_NE(problem("a.sgn", Bytes(header).first(header.size() - 1), "content", "tftp"), "");
  // A header with some of the content behind it is another header.
  Buffer longer = header;
  longer.push_back('c');
  EXPECT_EQ(problem("a.sgn", longer, "ontent", "tftp"), "it is not the header of a signed file");
  Buffer list = vector_file("sha1/ITLFile.tlv");
  list.resize(wire::parse_header(list)->length);
  EXPECT_EQ(problem("ITLFile.tlv", list, "", "tftp"), "it is not the header of a signed file");
  for (std::size_t i = 0; i < header.size(); ++i) {
    header[i] ^= 0x20;
    ASSERT_NE(problem("a.sgn", header, "content", "tftp"), "") << "byte " << i;
    header[i] ^= 0x20;
  }
}

TEST(SignFile, NeedsAnRsaSignerWithItsKey) {
  expect_error(sign_file("a.sgn", {}, vector_identity("app-ec"), {}, 7).error(), {"a.sgn", "RSA"});
  expect_error(sign_file("a.sgn", {}, {vector_certificate("tftp"), {}}, {}, 7).error(), {"not at hand"});
}

TEST(SignFile, CannotPassForATrustList) {
  Buffer file = vector_file("sha1/" + std::string(kSignedName));
  EXPECT_FALSE(verify_trust_list(file, vector_certificate("tftp")));
  Buffer list = vector_file("sha1/ITLFile.tlv");
  EXPECT_FALSE(verify_signed_file(list, vector_certificate("tftp")));
}

}  // namespace
}  // namespace anchord::trust
