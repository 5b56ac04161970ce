#include "anchord/crypto/certificate.h"

#include <gtest/gtest.h>

#include "anchord/base/hex.h"
#include "test_files.h"

namespace anchord::crypto {
namespace {

using test::certificate;
using test::contains;
using test::item;

std::string error_of(const Result<Certificate>& result) {
  return result ? "" : result.error().text;
}

TEST(Certificate, GivesWhatATrustListHolds) {
  Buffer list = test::file("sha1/ITLFile.tlv");
  for (const char* who : {"tftp", "recovery", "tvs", "capf", "app-ec", "app-odd"}) {
    Certificate c = certificate(who);
    EXPECT_TRUE(contains(list, item(6, c.serial()))) << who;
    EXPECT_TRUE(contains(list, item(7, c.public_key_raw()))) << who;
    EXPECT_TRUE(contains(list, item(8, c.signature()))) << who;
    EXPECT_TRUE(contains(list, item(9, c.der()))) << who;
    EXPECT_TRUE(c.self_signed()) << who;
  }
}

TEST(Certificate, NamesItsFields) {
  Certificate rsa = certificate("tftp");
  EXPECT_EQ(to_hex(rsa.serial()), "3e9d1cc562f586c9c183da69824026895d8d8e37");
  EXPECT_EQ(rsa.key_type(), KeyType::rsa);
  EXPECT_EQ(rsa.key_bits(), 2048U);
  EXPECT_EQ(rsa.subject().value_of("CN"), "cucm1.example.com");
  EXPECT_EQ(rsa.not_before(), 1795407359);  // Nov 23 04:15:59 2026 GMT
  EXPECT_EQ(rsa.not_after(), 2426127359);   // Nov 18 04:15:59 2046 GMT
  EXPECT_EQ(to_hex(rsa.sha256()), to_hex(digest(Digest::sha256, rsa.der())));

  Certificate ec = certificate("app-ec");
  EXPECT_EQ(ec.key_type(), KeyType::ec);
  EXPECT_EQ(ec.key_bits(), 256U);
  EXPECT_EQ(ec.public_key_raw().size(), 65U);
  EXPECT_EQ(ec.public_key_raw()[0], 4);
}

TEST(Certificate, PemAndDerAreTheSame) {
  Certificate c = certificate("app-odd");
  EXPECT_EQ(Certificate::from_pem_or_der(c.der()).value(), c);
  EXPECT_EQ(Certificate::from_pem_or_der(as_bytes(c.to_pem())).value(), c);
  EXPECT_EQ(as_text(test::file("certs/app-odd.crt")), c.to_pem());
}

TEST(Certificate, SelfSignedMeansThatTheSignatureVerifies) {
  Certificate c = certificate("tftp");
  Buffer der = to_buffer(c.der());
  der.back() ^= 1;
  EXPECT_FALSE(Certificate::from_der(der).value().self_signed());
}

TEST(Certificate, RefusesDamagedDer) {
  Bytes der = certificate("tftp").der();
  Buffer copy = to_buffer(der);
  for (std::size_t size = 0; size < copy.size(); ++size) {
    EXPECT_EQ(error_of(Certificate::from_der(Bytes(copy).first(size))), "not a certificate");
    EXPECT_FALSE(read_fields(Bytes(copy).first(size)).has_value());
  }
  copy.push_back(0);
  EXPECT_EQ(error_of(Certificate::from_der(copy)), "1 trailing bytes behind the certificate");
  EXPECT_FALSE(read_fields(copy).has_value());
  copy.resize(kMaxCertificateSize + 1);
  EXPECT_EQ(error_of(Certificate::from_der(copy)), "a certificate of 16385 bytes: the limit is 16384");
}

TEST(Certificate, AnyByteMayBeWrong) {
  // Nothing that is read may crash, and what both accept they see alike.
  Buffer der = to_buffer(certificate("app-ec").der());
  for (std::size_t i = 0; i < der.size(); ++i) {
    for (std::uint8_t flip : {0x01, 0x80, 0xff}) {
      der[i] ^= flip;
      auto whole = Certificate::from_der(der);
      auto fields = read_fields(der);
      if (whole) {
        ASSERT_TRUE(fields.has_value()) << i;
        EXPECT_TRUE(same_bytes(whole->serial(), fields->serial)) << i;
      }
      der[i] ^= flip;
    }
  }
}

TEST(Certificate, RefusesKeysThatPhonesDoNotHave) {
  Buffer der = to_buffer(certificate("app-ec").der());
  const std::uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
  auto curve = std::ranges::search(der, p256);
  ASSERT_FALSE(curve.empty());
  curve.back() = 0x63;
  EXPECT_EQ(error_of(Certificate::from_der(der)), "unsupported key in the certificate: use RSA or EC");
}

TEST(Certificate, PemErrorsSayWhatIsWrong) {
  auto parse = [](std::string_view text) { return error_of(Certificate::from_pem_or_der(as_bytes(text))); };
  std::string one = certificate("tftp").to_pem();
  EXPECT_EQ(parse(""), "no certificate in it, neither PEM nor DER");
  EXPECT_EQ(parse("hello"), "no certificate in it, neither PEM nor DER");
  EXPECT_EQ(parse(as_text(test::file("certs/tftp.key"))), "no certificate in it, neither PEM nor DER");
  EXPECT_EQ(parse(one + one), "2 certificates where one must be: split the file");
  EXPECT_EQ(parse(one.substr(0, one.size() / 2)).substr(0, 11), "damaged PEM");
  std::string damaged = one;
  damaged[100] = '!';
  EXPECT_EQ(parse(damaged).substr(0, 11), "damaged PEM");
  EXPECT_EQ(parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "PEM certificate 1: not a certificate");
  EXPECT_EQ(parse("a comment\r\n" + one), "");
}

TEST(Certificate, ReadsBundlesInOrder) {
  std::string bundle = "# both\n" + certificate("tftp").to_pem() +
                       std::string(as_text(test::file("certs/tftp.key"))) + certificate("app-ec").to_pem();
  auto all = Certificate::all_from_pem(as_bytes(bundle));
  ASSERT_TRUE(all.has_value());
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0), certificate("tftp"));
  EXPECT_EQ(all->at(1), certificate("app-ec"));
}

TEST(ReadFields, AgreesWithTheCertificate) {
  for (const char* who : {"tftp", "recovery", "tvs", "capf", "app-ec", "app-odd", "phone"}) {
    Certificate c = certificate(who);
    auto fields = read_fields(c.der());
    ASSERT_TRUE(fields.has_value());
    EXPECT_TRUE(same_bytes(fields->serial, c.serial()));
    EXPECT_TRUE(same_bytes(fields->issuer_der, c.issuer_der()));
    EXPECT_TRUE(same_bytes(fields->subject_der, c.subject_der()));
    EXPECT_EQ(Name::from_der(fields->subject_der).value(), c.subject());
  }
}

// The signature item of both vectors' headers: tag 12, length 256, at the same place.
constexpr std::size_t kItem = 0xd7, kItemHeader = 3, kSignatureSize = 256;

struct SignedList {
  const char* path;
  Digest digest;
};

TEST(Signature, OfTheVectorsVerifiesAndIsMadeAgain) {
  Certificate signer = certificate("tftp");
  for (SignedList vector :
       {SignedList{"sha1/ITLFile.tlv", Digest::sha1}, SignedList{"sha512/ITLFile.tlv", Digest::sha512}}) {
    Buffer list = test::file(vector.path);
    Bytes whole(list);
    ASSERT_EQ(to_hex(whole.subspan(kItem, kItemHeader)), "0c0100");
    Bytes signature = whole.subspan(kItem + kItemHeader, kSignatureSize);
    const Bytes parts[] = {whole.first(kItem), whole.subspan(kItem + kItemHeader + kSignatureSize)};

    EXPECT_TRUE(signer.verify(vector.digest, parts, signature));
    EXPECT_EQ(test::key("tftp").sign(vector.digest, parts).value(), to_buffer(signature));

    EXPECT_FALSE(signer.verify(Digest::sha256, parts, signature));
    EXPECT_FALSE(certificate("tvs").verify(vector.digest, parts, signature));
    EXPECT_FALSE(signer.verify(vector.digest, std::span(parts).first(1), signature));
    EXPECT_FALSE(signer.verify(vector.digest, parts, signature.first(255)));
    EXPECT_FALSE(signer.verify(vector.digest, parts, {}));
    Buffer wrong = to_buffer(signature);
    wrong[17] ^= 4;
    EXPECT_FALSE(signer.verify(vector.digest, parts, wrong));
  }
}

TEST(Signature, EcKeysNeitherSignNorVerify) {
  const Bytes parts[] = {as_bytes("x")};
  EXPECT_FALSE(certificate("app-ec").verify(Digest::sha256, parts, Buffer(64)));
  auto result = test::key("app-ec").sign(Digest::sha256, parts);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().text, "an EC key cannot sign for phones: use an RSA key");
}

TEST(Digests, AreTheStandardOnes) {
  EXPECT_EQ(to_hex(digest(Digest::sha1, as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  constexpr std::string_view kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(to_hex(digest(Digest::sha256, as_bytes("abc"))), kAbc);
  const Bytes parts[] = {as_bytes("a"), {}, as_bytes("bc")};
  EXPECT_EQ(to_hex(sha256(parts)), kAbc);
  EXPECT_EQ(to_hex(digest(Digest::sha512, {})).substr(0, 16), "cf83e1357eefb8bd");
  EXPECT_EQ(to_hex(md5(as_bytes("abc"))), "900150983cd24fb0d6963f7d28e17f72");
}

}  // namespace
}  // namespace anchord::crypto
