#include "anchord/crypto/certificate.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "anchord/base/ascii.h"
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
    std::string said = size < 4 ? "not a certificate"
                                : fmt::format(
                                      "a certificate that is cut short: it says that it has 981 bytes, "
                                      "and {} are there; fetch it again",
                                      size);
    EXPECT_EQ(error_of(Certificate::from_der(Bytes(copy).first(size))), said);
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

Result<Certificate> field(const std::string& name) {
  return Certificate::from_pem_or_der(test::file("field/" + name + ".pem"));
}

// Nothing that only a strict parser minds keeps a certificate from being compared.
TEST(Certificate, TakesWhatTlsPeersReallyPresent) {
  struct Odd {
    const char* name;
    KeyType key;
    const char* oddity;  // the beginning of the first one; null: none
  };
  for (Odd odd : {Odd{"rsa-without-null", KeyType::rsa, "its RSA key lacks the NULL"},
                  {"version1-extensions", KeyType::rsa, "it says that it is of version 1"},
                  {"ed25519", KeyType::other, "its key is neither RSA nor EC"},
                  {"no-dates", KeyType::rsa, "its dates cannot be read"},
                  {"no-key", KeyType::other, "it is not built as certificates are"}}) {
    auto read = field(odd.name);
    ASSERT_TRUE(read) << odd.name << ": " << read.error().text;
    EXPECT_EQ(read->key_type(), odd.key) << odd.name;
    EXPECT_EQ(read->subject().value_of("CN"), odd.name);
    EXPECT_EQ(read->issuer().value_of("CN"), "Field Authority");
    ASSERT_FALSE(read->oddities().empty()) << odd.name;
    EXPECT_TRUE(read->oddities()[0].starts_with(odd.oddity)) << read->oddities()[0];
    EXPECT_FALSE(read->self_signed());
  }
  EXPECT_EQ(field("rsa-without-null")->key_bits(), 2048U);
  EXPECT_EQ(field("ed25519")->key_bits(), 0U);
  EXPECT_TRUE(field("ed25519")->public_key_raw().empty());
  EXPECT_FALSE(test::key("tftp").matches(*field("ed25519")));
  EXPECT_FALSE(field("ed25519")->encrypt(as_bytes("x")));
  EXPECT_EQ(field("latin1")->subject().value_of("CN"), "M\xc3\xbcller");
  EXPECT_EQ(field("latin1")->issuer().value_of("CN"), "Beh\xc3\xb6rde");
  EXPECT_EQ(field("bits-in-name")->subject().value_of("x500UniqueIdentifier"), "#03020099");
  EXPECT_TRUE(field("unique-identifiers"));
  for (const char* who : {"tftp", "recovery", "tvs", "capf", "app-ec", "app-odd", "phone"})
    EXPECT_TRUE(certificate(who).oddities().empty()) << who;
}

TEST(Certificate, RefusesWhatCannotBeAnswered) {
  EXPECT_EQ(error_of(field("nul-in-name")),
            "PEM certificate 1: the certificate's subject: bad name: a NUL in a value");
  EXPECT_EQ(error_of(field("serial-too-long")),
            "PEM certificate 1: its serial number has 1025 bytes: no question has room for more than 1024");
}

TEST(Certificate, SerialNumbersOfEverySpelling) {
  EXPECT_EQ(to_hex(field("serial-zero")->serial()), "00");
  EXPECT_EQ(to_hex(field("serial-none")->serial()), "00");
  EXPECT_EQ(to_hex(field("serial-negative")->serial()), "fe01");
  EXPECT_EQ(to_hex(field("serial-padded")->serial()), "05");
  EXPECT_EQ(field("serial-long")->serial().size(), 100U);
}

TEST(Certificate, DatesOfEverySpelling) {
  EXPECT_EQ(field("no-dates")->not_before(), 0);
  EXPECT_EQ(field("no-dates")->not_after(), 253402300799);
  EXPECT_EQ(field("ed25519")->not_before(), 1767225600);
  EXPECT_EQ(field("ed25519")->not_after(), 2398377600);
}

// The same certificate with other times, without seconds.
Result<Certificate> valid_between(std::string_view begin, std::string_view end) {
  Bytes whole = certificate("tftp").der();
  Buffer der(whole.begin(), whole.end());
  const std::uint8_t validity[] = {0x30, 0x1e, 0x17, 0x0d};
  auto at = std::ranges::search(der, validity).begin();
  Buffer times{0x30, 0x22, 0x17, 0x0f};
  times.insert(times.end(), begin.begin(), begin.end());
  times.insert(times.end(), {0x17, 0x0f});
  times.insert(times.end(), end.begin(), end.end());
  at = der.erase(at, at + 0x20);
  der.insert(at, times.begin(), times.end());
  for (std::size_t length : {3, 7}) der[length] = static_cast<std::uint8_t>(der[length] + 4);
  return Certificate::from_der(der);
}

TEST(Certificate, DatesInOtherZones) {
  auto read = valid_between("2611230615+0200", "2611222345-0430");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->not_before(), 1795407300);  // Nov 23 04:15 2026 GMT
  EXPECT_EQ(read->not_after(), 1795407300);
  // What is none is no limit.
  for (std::string_view none : {"2611230615*0200", "2611230615+0x00", "2611230615+020Z"})
    EXPECT_EQ(valid_between(none, "2611222345-0430")->not_before(), 0) << none;
}

TEST(Certificate, OtherKeysAreSeenAsSuch) {
  Buffer der = to_buffer(certificate("app-ec").der());
  const std::uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
  auto curve = std::ranges::search(der, p256);
  ASSERT_FALSE(curve.empty());
  curve.back() = 0x63;
  EXPECT_EQ(Certificate::from_der(der)->key_type(), KeyType::other);
}

TEST(Certificate, PemErrorsSayWhatIsWrong) {
  auto parse = [](std::string_view text) { return error_of(Certificate::from_pem_or_der(as_bytes(text))); };
  std::string one = certificate("tftp").to_pem();
  EXPECT_EQ(parse(""), "it is empty: give a certificate in PEM or DER");
  EXPECT_EQ(parse("hello"), "no certificate in it, neither PEM nor DER");
  EXPECT_EQ(parse(one + one), "2 certificates where one must be: split the file");
  EXPECT_EQ(parse(one.substr(0, one.size() / 2)),
            "PEM certificate 1: damaged PEM: its END line is missing; copy all of it");
  std::string damaged = one;
  damaged[100] = '!';
  EXPECT_EQ(parse(damaged), "PEM certificate 1: damaged PEM: it is not base64; copy it again as plain text");
  EXPECT_EQ(parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "PEM certificate 1: not a certificate");
  EXPECT_EQ(parse("a comment\r\n" + one), "");
}

std::string with(std::string text, std::string_view what, std::string_view instead) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += instead.size())
    text.replace(at, what.size(), instead);
  return text;
}

std::string utf16(std::string_view text, bool little) {
  std::string out = little ? "\xff\xfe" : "\xfe\xff";
  for (char c : text) {
    if (!little) out += '\0';
    out += c;
    if (little) out += '\0';
  }
  return out;
}

std::string without_lines_of_pem(std::string pem) {
  return with(with(with(pem, "-----BEGIN CERTIFICATE-----", ""), "-----END CERTIFICATE-----", ""), "\n", "");
}

std::string base64_of(std::string_view text) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, left = 0;
  for (char c : text) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (left += 8; left >= 6; left -= 6) out += kDigits[(bits >> (left - 6)) & 63];
  }
  if (left > 0) out += kDigits[(bits << (6 - left)) & 63];
  return out;
}

TEST(Certificate, PemAsPeopleHaveIt) {
  Certificate tftp = certificate("tftp");
  std::string pem = tftp.to_pem();
  std::string body = without_lines_of_pem(pem);
  std::string der(as_text(tftp.der()));
  for (const std::string& text :
       {"\xef\xbb\xbf" + pem, with(pem, "\n", "\r\n"), with(pem, "\n", "\r"), with(pem, "\n", ""),
        with(pem, "\n", "\\n"), with(pem, "\n", "\n  "), "Subject: x\n" + pem + "more\n",
        pem + std::string(9, '\0'), with(pem, "CERTIFICATE", "X509 CERTIFICATE"),
        with(pem, "CERTIFICATE", "TRUSTED CERTIFICATE"), body, body + "\r\n", "0: the first\n" + pem,
        utf16(pem, true), utf16(pem, false), with(pem, "-----\nMII", "-----\nComment: x\n\nMII"), der + "\n",
        der + "\r\n\x1a"}) {
    auto read = Certificate::from_pem_or_der(as_bytes(text));
    ASSERT_TRUE(read) << read.error().text << '\n' << text.substr(0, 80);
    EXPECT_EQ(*read, tftp) << text.substr(0, 80);
  }
  for (const char* name : {"utf8_bom", "X509_CERTIFICATE", "TRUSTED_CERTIFICATE"})
    EXPECT_TRUE(field(name)) << name;
}

// Each byte as `before`, two digits and `after`.
std::string spelled(Bytes bytes, std::string_view before, std::string_view after) {
  std::string out, digits = to_hex(bytes);
  for (std::size_t i = 0; i < digits.size(); i += 2)
    out += std::string(before) + digits.substr(i, 2) + std::string(after);
  return out;
}

TEST(Certificate, AsTextThatIsNotPem) {
  Certificate tftp = certificate("tftp");
  std::string pem = tftp.to_pem(), hex = to_hex(tftp.der());
  std::string body = without_lines_of_pem(pem);
  std::string url_safe = with(with(with(body, "+", "-"), "/", "_"), "=", "");
  for (const std::string& text :
       {hex,
        upper_case(hex),
        hex + "\r\n",
        "0x" + hex,
        "\\x" + hex,
        "X'" + upper_case(hex) + "'",
        "'" + hex + "'",
        spelled(tftp.der(), "", ":"),
        spelled(tftp.der(), "", " "),
        spelled(tftp.der(), "", "-"),
        spelled(tftp.der(), "\n  0x", ","),
        "{" + spelled(tftp.der(), "0x", ", ") + "};",
        "\"" + spelled(tftp.der(), "\\x", "") + "\"",
        "\xef\xbb\xbf" + hex,
        utf16(hex, true),
        url_safe,
        "\"" + body + "\"",
        with(body, "/", "\\/"),
        "-----BEGIN CERTIFICATE-----\n" + url_safe + "\n-----END CERTIFICATE-----\n",
        base64_of(pem),
        with(with(with(pem, " ", "%20"), "\n", "%0A"), "+", "%2B"),
        utf16(pem, true).substr(2),
        utf16(pem, false).substr(2)}) {
    auto read = Certificate::from_pem_or_der(as_bytes(text));
    ASSERT_TRUE(read) << read.error().text << '\n' << text.substr(0, 80);
    EXPECT_EQ(*read, tftp) << text.substr(0, 80);
  }
}

TEST(Certificate, TextThatIsNoneIsNamed) {
  auto said = [](std::string_view text) { return error_of(Certificate::from_pem_or_der(as_bytes(text))); };
  Certificate tftp = certificate("tftp");
  std::string pem = tftp.to_pem(), hex = to_hex(tftp.der());
  std::string of_file = to_hex(tftp.sha256());
  const std::pair<std::string, const char*> kinds[] = {
      {" \r\n\t", "blanks: "},
      {with(pem, "-----BEGIN", "----BEGIN"), "PEM with a damaged or missing first line: "},
      {with(pem, "-----", "\xe2\x80\x94"), "PEM with a damaged or missing first line: "},
      {with(pem, "BEGIN CERTIFICATE", "begin certificate"), "PEM with a damaged or missing first line: "},
      {"<md:X><ds:X509Certificate>MII</ds:X509Certificate></md:X>",
       "an XML document: give what is in its X509"},
      {"<?xml version=\"1.0\"?><device/>", "an XML document: give a certificate"},
      {"{\"x5c\": [\"MII\"]}", "JSON: "},
      {"Certificate:\n    Data:\n", "a description of one: "},
      {"dn: cn=x\nuserCertificate;binary:: MII", "LDIF: "},
      {"00000000: 3082 03d1 3082  0...0.", "a dump with offsets: "},
      {"00000000  30 82 03 d1  |0...|", "a dump with offsets: "},
      {of_file, "a fingerprint: "},
      {spelled(tftp.sha256(), "", ":"), "a fingerprint: "},
      {"sha256 Fingerprint=AB:CD", "a fingerprint: "},
      {std::string("\x01\x00\x02\x01\x01", 5), "a trust list or a signed file of phones: "},
      {"SQLite format 3" + std::string(1, '\0'), "an SQLite database: "},
      {std::string("\0\0\0\0CERT", 8), "a certificate store of Windows': "},
      {"%PDF-1.4", "a PDF document: "},
      {with(pem, "-----BEGIN CERTIFICATE-----", ""), "PEM with a damaged or missing first line: "},
      {"unsigned char x[] = {\n0x30, 0x82};\nint x_len = 2;", "C source: "},
      {hex.substr(0, hex.size() - 1), "damaged hexadecimal: "},
      {with(hex, "ab", "zz"), "damaged hexadecimal: "},
      {"tls.crt: LS0tLS1CRUdJTi", "a text with base64 in it: "},
      {"data:application/x-x509-ca-cert;base64,MIID", "a text with base64 in it: "},
      {"-----BEGIN FOO-----\nAAAA\n-----END FOO-----\n", "a PEM object 'FOO': "},
  };
  for (const auto& [text, what] : kinds)
    EXPECT_TRUE(said(text).starts_with(std::string("no certificate but ") + what)) << what << said(text);
  // What is inside is judged as any other.
  EXPECT_TRUE(said(hex.substr(0, 200)).starts_with("a certificate that is cut short: "));
  EXPECT_TRUE(
      said("3012020103300d06092a864886f70d010701a000").starts_with("not a certificate but a PKCS #12"));
  EXPECT_TRUE(
      said("30 80 06 09 2a 86 48 86 f7 0d 01 07 02").starts_with("not a certificate but BER of open length"));
}

TEST(Certificate, OtherFilesAreNamed) {
  auto said = [](Bytes file) { return error_of(Certificate::from_pem_or_der(file)); };
  auto labelled = [&](std::string label) {
    return said(as_bytes("-----BEGIN " + label + "-----\nAAAA\n-----END " + label + "-----\n"));
  };
  EXPECT_TRUE(said(test::file("certs/tftp.key")).starts_with("no certificate but a private key: "));
  EXPECT_TRUE(labelled("CERTIFICATE REQUEST").starts_with("no certificate but a certificate request: "));
  EXPECT_TRUE(labelled("X509 CRL").starts_with("no certificate but a certificate revocation list"));
  EXPECT_TRUE(labelled("PKCS7").starts_with("no certificate but a PKCS #7 file: use 'openssl pkcs7"));
  EXPECT_TRUE(labelled("ENCRYPTED PRIVATE KEY").starts_with("no certificate but a private key: "));
  EXPECT_TRUE(labelled("RSA PUBLIC KEY").starts_with("no certificate but a public key: "));
  EXPECT_TRUE(labelled("OPENSSH PRIVATE KEY").starts_with("no certificate but an SSH key: "));
  EXPECT_TRUE(labelled("EC PARAMETERS").starts_with("no certificate but a key's parameters"));
  EXPECT_TRUE(said(as_bytes("ssh-rsa AAAA me")).starts_with("no certificate but an SSH key"));
  EXPECT_TRUE(said(as_bytes("<html>no</html>")).starts_with("no certificate but a web page"));
  // In DER: PKCS #12, PKCS #7, keys, a request and a revocation list, as far as their first items.
  auto der = [&](const char* hex) { return said(*from_hex(hex)); };
  EXPECT_TRUE(der("3012 020103 300d 0609 2a864886f70d010701 a000")
                  .starts_with("not a certificate but a PKCS #12 file"));
  EXPECT_TRUE(der("300d 0609 2a864886f70d010702 a000").starts_with("not a certificate but a PKCS #7 file"));
  EXPECT_TRUE(der("300c 020100 3003 0601 2a 0402 3000").starts_with("not a certificate but a private key"));
  EXPECT_TRUE(der("3009 020100 020101 020103").starts_with("not a certificate but a private key"));
  EXPECT_TRUE(der("3009 3003 06012a 0302 0001").starts_with("not a certificate but a public key"));
  EXPECT_TRUE(der("3010 3009 020100 3000 3000 a000 3000 0301 00")
                  .starts_with("not a certificate but a certificate request"));
  EXPECT_TRUE(der("301a 3013 3000 3000 170d 3236303130313030303030305a 3000 0301 00")
                  .starts_with("not a certificate but a certificate revocation list"));
}

TEST(Certificate, ReadsBundlesInOrder) {
  std::string bundle = "# both\n" + certificate("tftp").to_pem() +
                       std::string(as_text(test::file("certs/tftp.key"))) + certificate("app-ec").to_pem();
  auto all = Certificate::all_from(as_bytes(bundle));
  ASSERT_TRUE(all.has_value());
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0), certificate("tftp"));
  EXPECT_EQ(all->at(1), certificate("app-ec"));
}

TEST(Certificate, DerOneBehindTheOther) {
  Buffer both = to_buffer(certificate("tftp").der());
  Bytes second = certificate("app-ec").der();
  both.insert(both.end(), second.begin(), second.end());
  both.push_back('\n');
  auto all = Certificate::all_from(both);
  ASSERT_TRUE(all) << all.error().text;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(1), certificate("app-ec"));
  EXPECT_EQ(error_of(Certificate::from_pem_or_der(both)), "2 certificates where one must be: split the file");
  EXPECT_EQ(Certificate::all_from(as_bytes(to_hex(both)))->size(), 2U);
  both.push_back('x');
  EXPECT_EQ(error_of(Certificate::from_pem_or_der(both)), "2 trailing bytes behind the certificate");
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
