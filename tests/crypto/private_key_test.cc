#include "anchord/crypto/private_key.h"

#include <gtest/gtest.h>

#include <set>

#include "anchord/crypto/self_signed.h"
#include "test_files.h"

namespace anchord::crypto {
namespace {

// Made for these tests.
constexpr std::string_view kSec1 =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEICfcfVpd/I9wBxFGqW7PkaIjenMU31Zmk0tAdLheBhiqoAoGCCqGSM49\n"
    "AwEHoUQDQgAEYp0r5taCkUgQ8EAWw1nIuZGErPcgRuVciiBWfQNJz+IXv5VESpdQ\n"
    "HyzJmV7KRI5EohC7ymBpJ9Tq/7Djkzfbgw==\n"
    "-----END EC PRIVATE KEY-----\n";

constexpr std::string_view kEncrypted =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAguTvp9rV0j9AICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKPOpg1bWaZVMWwRtPAwpAAEgZAP\n"
    "vy1EGxycK34/wdjjsIBGApW8/lZ+12PGGrw6VYfTfOOMOb4yEb6l7TzuumiL9iKI\n"
    "kigcagpBayJh/Frkh1h6x84PTLuhKAoQPRND1mt+SIN495WaaQip4SCXytQlrqei\n"
    "XJsOqzy7D+wb1RCZz116Dv14Mv0X2X7Gj/fQumws516fHVV6lQV5OMB67NrLn+M=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

std::string error_of(std::string_view text) {
  auto result = PrivateKey::from_pem_or_der(as_bytes(text));
  return result ? "" : result.error().text;
}

// The body of a PEM as DER, by the one decoder that is at hand in a test.
Buffer body_of_pem(std::string_view pem) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Buffer out;
  unsigned bits = 0, count = 0;
  std::string_view body = pem.substr(pem.find('\n'), pem.find("-----END") - pem.find('\n'));
  for (char c : body) {
    auto at = kAlphabet.find(c);
    if (at == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<unsigned>(at);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<std::uint8_t>(bits >> count));
  }
  return out;
}

TEST(PrivateKey, MatchesItsCertificateOnly) {
  for (const char* who : {"tftp", "recovery", "tvs", "capf", "phone", "app-ec"}) {
    EXPECT_TRUE(test::key(who).matches(test::certificate(who))) << who;
  }
  EXPECT_FALSE(test::key("tftp").matches(test::certificate("tvs")));
  EXPECT_FALSE(test::key("tftp").matches(test::certificate("app-ec")));
  EXPECT_FALSE(test::key("app-ec").matches(test::certificate("tftp")));
}

TEST(PrivateKey, IsOfTheKindAskedFor) {
  EXPECT_EQ(test::shared_key(KeyKind::rsa2048).key_bits(), 2048U);
  EXPECT_EQ(test::shared_key(KeyKind::rsa4096).key_bits(), 4096U);
  EXPECT_EQ(test::shared_key(KeyKind::p256).key_type(), KeyType::ec);
}

TEST(PrivateKey, PemAndDerRoundTrip) {
  for (const char* who : {"tftp", "app-ec"}) {
    PrivateKey key = test::key(who);
    Secret pem = key.to_pem();
    EXPECT_TRUE(pem.text().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    EXPECT_TRUE(PrivateKey::from_pem_or_der(pem.bytes()).value().matches(test::certificate(who)));
    Buffer der = body_of_pem(pem.text());
    EXPECT_TRUE(PrivateKey::from_pem_or_der(der).value().matches(test::certificate(who)));
    der.push_back(0);
    EXPECT_FALSE(PrivateKey::from_pem_or_der(der).has_value());
  }
}

TEST(PrivateKey, ReadsTheOlderForms) {
  // PKCS #8 wraps PKCS #1 and SEC 1 in its last OCTET STRING.
  Buffer rsa = body_of_pem(test::key("tftp").to_pem().text());
  Bytes inner = Bytes(rsa).subspan(26);
  ASSERT_EQ(inner[0], 0x30);
  EXPECT_TRUE(PrivateKey::from_pem_or_der(inner).value().matches(test::certificate("tftp")));
  EXPECT_FALSE(PrivateKey::from_pem_or_der(inner.first(inner.size() - 1)).has_value());
  EXPECT_EQ(PrivateKey::from_pem_or_der(as_bytes(kSec1)).value().key_type(), KeyType::ec);
  EXPECT_EQ(PrivateKey::from_pem_or_der(body_of_pem(kSec1)).value().key_type(), KeyType::ec);
}

TEST(PrivateKey, ErrorsSayWhatIsWrong) {
  EXPECT_TRUE(error_of("").starts_with("not a private key in PEM or DER"));
  EXPECT_TRUE(error_of("0hello").starts_with("not a private key in PEM or DER"));
  EXPECT_TRUE(
      error_of(as_text(test::file("certs/tftp.crt"))).starts_with("not a private key but a certificate: "));
  EXPECT_TRUE(error_of(as_text(test::certificate("tftp").der()))
                  .starts_with("not a private key but a certificate: "));
  EXPECT_TRUE(error_of(kEncrypted).contains("under a passphrase"));
}

TEST(Secret, MovesAndLeavesNothingBehind) {
  Secret a(Buffer{1, 2, 3});
  Secret b(std::move(a));
  EXPECT_TRUE(a.bytes().empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
  EXPECT_EQ(b.bytes().size(), 3U);
  wipe({});
}

TEST(SelfSigned, HoldsWhatWasAskedFor) {
  for (KeyKind kind : {KeyKind::rsa2048, KeyKind::rsa4096, KeyKind::p256}) {
    const PrivateKey& key = test::shared_key(kind);
    SelfSignedRequest request{.subject = Name::parse("C=DE,O=M\xc3\xbcller\\, S\xc3\xb6hne,CN=a").value(),
                              .not_before = 1800000000,
                              .days = 7300,
                              .dns_names = {"a.example.com"},
                              .addresses = {"10.48.47.153", "2001:db8::1"}};
    auto made = make_self_signed(key, request);
    ASSERT_TRUE(made.has_value()) << made.error().text;
    EXPECT_TRUE(made->self_signed());
    EXPECT_TRUE(key.matches(*made));
    EXPECT_EQ(made->subject(), request.subject);
    EXPECT_EQ(made->issuer(), request.subject);
    EXPECT_EQ(made->not_before(), request.not_before);
    EXPECT_EQ(made->not_after(), request.not_before + 7300 * 86400LL);
    EXPECT_EQ(made->serial().size(), 16U);
    EXPECT_LT(made->serial()[0], 0x80);
    EXPECT_NE(to_buffer(make_self_signed(key, request)->serial()), to_buffer(made->serial()));
    EXPECT_TRUE(test::contains(made->der(), as_bytes("a.example.com")));
    const std::uint8_t v4[] = {0x87, 4, 10, 48, 47, 153}, v6[] = {0x87, 16, 0x20, 0x01, 0x0d, 0xb8};
    EXPECT_TRUE(test::contains(made->der(), v4));
    EXPECT_TRUE(test::contains(made->der(), v6));
  }
}

TEST(SelfSigned, EndsAreSpreadByTheSerialNumber) {
  SelfSignedRequest request{
      .subject = Name::parse("CN=a").value(), .not_before = 1800000000, .days = 10, .spread = 86400};
  std::set<UnixSeconds> ends;
  for (int i = 0; i < 20; ++i) {
    Certificate made = make_self_signed(test::shared_key(KeyKind::p256), request).value();
    std::uint64_t last = 0;
    for (std::uint8_t byte : made.serial().last(8)) last = last << 8 | byte;
    EXPECT_EQ(made.not_after(), 1800000000 + 10 * 86400 + static_cast<UnixSeconds>(last % 86400));
    ends.insert(made.not_after());
  }
  EXPECT_GT(ends.size(), 1u);
}

TEST(SelfSigned, DatesOnBothSidesOf2050) {
  SelfSignedRequest request{.subject = Name::parse("CN=a").value(), .not_before = 2524607999, .days = 1};
  Certificate made = make_self_signed(test::shared_key(KeyKind::p256), request).value();
  EXPECT_EQ(made.not_before(), 2524607999);
  EXPECT_EQ(made.not_after(), 2524607999 + 86400);
  EXPECT_TRUE(test::contains(made.der(), as_bytes("\x17\x0d"
                                                  "491231235959Z\x18\x0f"
                                                  "20500101235959Z")));
}

TEST(SelfSigned, SetsOfAttributesAreInTheOrderOfDer) {
  SelfSignedRequest request{
      .subject = Name::parse("C=US,UID=7+CN=a").value(), .not_before = 1800000000, .days = 1};
  Certificate made = make_self_signed(test::shared_key(KeyKind::p256), request).value();
  EXPECT_EQ(made.subject().to_open(), "C=US,CN=a+UID=7");
  EXPECT_TRUE(made.self_signed());
}

TEST(SelfSigned, RefusesWhatNoCertificateCanSay) {
  const PrivateKey& key = test::shared_key(KeyKind::p256);
  const SelfSignedRequest good{.subject = Name::parse("CN=a").value(), .not_before = 1800000000, .days = 1};
  ASSERT_TRUE(make_self_signed(key, good).has_value());
  auto error = [&](auto&& change) {
    SelfSignedRequest bad = good;
    change(bad);
    auto made = make_self_signed(key, bad);
    return made ? "" : made.error().text;
  };
  EXPECT_TRUE(error([](auto& r) { r.subject = {}; }).contains("needs a subject"));
  EXPECT_TRUE(error([](auto& r) { r.subject.append("nonsense", "x"); }).contains("nonsense=x"));
  EXPECT_TRUE(error([](auto& r) { r.subject.append("O", std::string(2000, 'x')); }).contains("too long"));
  EXPECT_TRUE(error([](auto& r) { r.days = 0; }).contains("lifetime"));
  EXPECT_TRUE(error([](auto& r) { r.days = 4000000000; }).contains("lifetime"));
  EXPECT_TRUE(error([](auto& r) { r.not_before = -700000000; }).contains("lifetime"));
  EXPECT_TRUE(error([](auto& r) { r.addresses = {"10.0.0.256"}; }).contains("'10.0.0.256' is not an IPv4"));
  EXPECT_TRUE(error([](auto& r) { r.dns_names = {"a b"}; }).contains("'a b' is not a host name"));
}

}  // namespace
}  // namespace anchord::crypto
