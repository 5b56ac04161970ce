// Requests and responses of the vectors, byte for byte, and what is not well formed.
#include "tvs/tvs_answer.h"

#include <gtest/gtest.h>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/name.h"
#include "anchord/wire/tvs.h"

namespace anchord::service {
namespace {

Buffer data_file(const std::string& name) {
  return read_file(std::string(ANCHORD_TEST_DATA) + "/" + name, 1 << 20).value();
}

Buffer message(const std::string& name) {
  return from_hex(as_text(data_file("tvs/" + name + ".hex"))).value();
}

class TvsAnswer : public testing::Test {
 protected:
  void put(const std::string& name, std::vector<std::uint8_t> roles, std::uint32_t ttl = 86400) {
    put_file("certs/" + name + ".crt", std::move(roles), ttl);
  }
  void put_file(const std::string& file, std::vector<std::uint8_t> roles = {0, 3},
                std::uint32_t ttl = 86400) {
    put(crypto::Certificate::from_pem_or_der(data_file(file)).value(), std::move(roles), ttl);
  }
  void put(const crypto::Certificate& certificate, std::vector<std::uint8_t> roles, std::uint32_t ttl,
           bool ends = false) {
    crypto::NormalName issuer;
    ASSERT_TRUE(issuer.from_der(certificate.issuer_der()));
    index::CertificateChange change{.kind = index::CertificateChange::Kind::put,
                                    .der = certificate.der(),
                                    .roles = roles,
                                    .ttl = ttl,
                                    .name_key = index::name_key(issuer.text(), certificate.serial()),
                                    .serial_key = index::serial_key(certificate.serial()),
                                    .ends = ends};
    snapshot_.certificates = snapshot_.certificates.with({&change, 1});
    ++snapshot_.version;
  }

  UnixSeconds now_ = 0;

  Buffer answer(Bytes request) {
    Writer out(room_);
    record_ = {};
    EXPECT_TRUE(answer_tvs(request, snapshot_, digests_, now_, out, record_));
    EXPECT_TRUE(out.ok());
    return to_buffer(out.written());
  }

  bool ask(std::string_view issuer, Bytes serial, std::string_view subject = "") {
    Buffer request(8192);
    Writer out(request);
    wire::write_query_request(out, {.session = 1, .subject = subject, .issuer = issuer, .serial = serial});
    EXPECT_TRUE(out.ok());
    answer(out.written());
    return record_.answered_yes;
  }

  // Made of app-ec's: serial number and the last letter of its issuer are others.
  crypto::Certificate like_app_ec(std::uint8_t letter, std::uint8_t serial) {
    auto base = crypto::Certificate::from_pem_or_der(data_file("certs/app-ec.crt")).value();
    Buffer der = to_buffer(base.der());
    auto at = [&](Bytes part) { return static_cast<std::size_t>(part.data() - base.der().data()); };
    der[at(base.issuer_der()) + base.issuer_der().size() - 1] = letter;
    der[at(base.serial()) + base.serial().size() - 1] = serial;
    return crypto::Certificate::from_der(der).value();
  }

  index::Snapshot snapshot_;
  Buffer room_ = Buffer(32'768, 0xee);
  SignerDigests digests_;
  Question record_;
};

TEST_F(TvsAnswer, VerifyIsAnsweredAsInTheVectors) {
  EXPECT_EQ(answer(message("verify-request")), message("verify-response-invalid"));
  EXPECT_FALSE(record_.answered_yes);
  put("app-ec", {7});
  EXPECT_EQ(answer(message("verify-request")), message("verify-response-valid"));
  EXPECT_TRUE(record_.answered_yes);
  EXPECT_EQ(record_.device.text(), "CP-8861-SEP001122334455");
}

TEST_F(TvsAnswer, QueryIsAnsweredAsInTheVectors) {
  put("tftp", {0, 2});
  put("app-ec", {7});
  EXPECT_EQ(answer(message("query-request-tftp")), message("query-response-tftp"));
  EXPECT_EQ(record_.kind, QuestionKind::query);
}

// What the ledger takes for evidence, and a trace shows.
TEST_F(TvsAnswer, TheRecordSaysWhatWasFound) {
  auto tftp = crypto::Certificate::from_pem_or_der(data_file("certs/tftp.crt")).value();
  answer(message("query-request-tftp"));
  EXPECT_FALSE(record_.answered_yes);
  EXPECT_EQ(record_.ttl, 0u);
  EXPECT_EQ(record_.certificate, crypto::Sha256{});
  EXPECT_EQ(record_.serial.text(), to_hex(tftp.serial()));
  EXPECT_EQ(record_.issuer.text(), tftp.issuer().to_vendor().substr(0, 63));
  put("tftp", {2});
  answer(message("query-request-tftp"));
  EXPECT_TRUE(record_.answered_yes);
  EXPECT_FALSE(record_.sast);
  EXPECT_EQ(record_.certificate, crypto::Sha256{});
  for (std::uint32_t ttl : {86400, 3600}) {
    put("tftp", {2, 0}, ttl);
    answer(message("query-request-tftp"));
    EXPECT_TRUE(record_.sast);
    EXPECT_EQ(record_.ttl, ttl);
    EXPECT_EQ(record_.certificate, tftp.sha256());
  }
  put("app-ec", {0});
  answer(message("verify-request"));
  auto verified = crypto::Certificate::from_pem_or_der(data_file("certs/app-ec.crt")).value();
  EXPECT_EQ(record_.certificate, verified.sha256());
  EXPECT_EQ(record_.serial.text(), to_hex(verified.serial()));
  EXPECT_EQ(record_.issuer.text(), "");
}

TEST_F(TvsAnswer, ThePublishedQueryIsNotFoundHere) {
  put("tftp", {0, 2});
  Buffer right = from_hex("57010400000003e90004 07000101").value();
  EXPECT_EQ(answer(message("query-request-published")), right);
}

TEST_F(TvsAnswer, AnyChangedByteOfACertificateMakesItInvalid) {
  put("app-ec", {7});
  Buffer request = message("verify-request");
  Buffer invalid = message("verify-response-invalid");
  constexpr std::size_t kDerBegins = 10 + 3 + 24 + 3;
  for (std::size_t i = kDerBegins; i < request.size(); ++i) {
    Buffer changed = request;
    changed[i] ^= 1;
    ASSERT_EQ(answer(changed), invalid) << i;
  }
}

TEST_F(TvsAnswer, TheSubjectMustMatchWhenGiven) {
  put("tftp", {0, 2});
  auto certificate = crypto::Certificate::from_pem_or_der(data_file("certs/tftp.crt")).value();
  auto ask = [&](std::string subject, std::string issuer, Bytes serial) {
    Buffer request(2048);
    Writer out(request);
    wire::write_query_request(out, {.session = 1, .subject = subject, .issuer = issuer, .serial = serial});
    answer(out.written());
    return record_.answered_yes;
  };
  std::string name = certificate.issuer().to_open();
  Buffer padded = to_buffer(certificate.serial());
  padded.insert(padded.begin(), 0);
  EXPECT_TRUE(ask("", name, certificate.serial()));
  EXPECT_TRUE(ask(certificate.subject().to_vendor(), name, certificate.serial()));
  EXPECT_TRUE(ask("", name, padded));
  EXPECT_FALSE(ask("CN=somebody else", name, certificate.serial()));
  EXPECT_FALSE(ask("", "CN=somebody else", certificate.serial()));
  EXPECT_FALSE(ask("", name, Bytes(padded).first(5)));
  EXPECT_FALSE(ask("", "not a name", certificate.serial()));
}

TEST_F(TvsAnswer, NamesAsTheVendorWritesThem) {
  put_file("field/etoken.pem");
  put_file("field/adcs.pem");
  for (const char* name : {"etoken", "adcs"}) {
    auto certificate =
        crypto::Certificate::from_pem_or_der(data_file("field/" + std::string(name) + ".pem")).value();
    Buffer reply = answer(data_file("field/query-" + std::string(name) + ".bin"));
    auto response = wire::parse_tvs_response(reply);
    ASSERT_TRUE(response && response->valid) << name;
    EXPECT_TRUE(same_bytes(response->certificate, certificate.der()));
    EXPECT_EQ(to_hex(response->roles), "0003");
  }
}

TEST_F(TvsAnswer, TheExactOneComesFirst) {
  auto first = like_app_ec('a', 7), second = like_app_ec('b', 7);
  put(first, {7}, 1);
  put(second, {7}, 2);
  EXPECT_TRUE(ask(first.issuer().to_vendor(), first.serial()));
  EXPECT_TRUE(ask(second.issuer().to_vendor(), first.serial()));
  // What both have contradicts neither: which one was meant?
  std::string organization = "O=" + std::string(first.issuer().value_of("O"));
  EXPECT_FALSE(ask(organization, first.serial()));
  EXPECT_FALSE(ask(organization, second.serial(), "CN=somebody else"));
  std::string common = "cn=\"" + std::string(first.issuer().value_of("CN"));
  EXPECT_TRUE(ask(common, first.serial()));
}

TEST_F(TvsAnswer, LooksAtSoManyOfOneSerialNumberAndNoMore) {
  auto last = like_app_ec('A', 7);
  std::string quoted = "/CN=" + std::string(last.issuer().value_of("CN"));
  put(last, {7}, 1);
  EXPECT_TRUE(ask(quoted, last.serial()));
  for (std::uint8_t i = 1; i < 32; ++i) put(like_app_ec(static_cast<std::uint8_t>('A' + i), 7), {7}, 1);
  EXPECT_TRUE(ask(quoted, last.serial()));
  put(like_app_ec('0', 7), {7}, 1);
  EXPECT_FALSE(ask(quoted, last.serial()));
  EXPECT_TRUE(ask(last.issuer().to_open(), last.serial()));
}

TEST_F(TvsAnswer, SerialNumbersAreNumbers) {
  constexpr std::string_view kIssuer = "CN=Field Authority;O=Field Tests";
  for (const char* name : {"zero", "negative", "padded", "long"})
    put_file("field/serial-" + std::string(name) + ".pem");
  for (const char* hex : {"", "00", "0000", "fe01", "00fe01", "05", "0005", "000005"})
    EXPECT_TRUE(ask(kIssuer, *from_hex(hex))) << hex;
  for (const char* hex : {"01", "0500", "fe0100", "fe"}) EXPECT_FALSE(ask(kIssuer, *from_hex(hex))) << hex;
  Buffer longest;
  for (std::uint8_t i = 1; i <= 100; ++i) longest.push_back(i);
  EXPECT_TRUE(ask("/O=Field Tests/CN=Field Authority", longest));
}

TEST_F(TvsAnswer, WhatStrictParsersRefuseIsFound) {
  for (const char* name : {"rsa-without-null", "latin1", "version1-extensions", "unique-identifiers",
                           "ed25519", "no-dates", "bits-in-name", "no-key"}) {
    std::string file = "field/" + std::string(name) + ".pem";
    auto certificate = crypto::Certificate::from_pem_or_der(data_file(file)).value();
    put_file(file);
    EXPECT_TRUE(
        ask(certificate.issuer().to_vendor(), certificate.serial(), certificate.subject().to_vendor()))
        << name;
    Buffer request(4096);
    Writer out(request);
    wire::write_verify_request(out, {.session = 1, .device = {}, .certificate = certificate.der()});
    answer(out.written());
    EXPECT_TRUE(record_.answered_yes) << name;
  }
}

TEST_F(TvsAnswer, WhatHasEndedIsUnknownOnlyWhereThatIsAskedFor) {
  const auto certificate = crypto::Certificate::from_pem_or_der(data_file("certs/app-ec.crt")).value();
  const std::string issuer = certificate.issuer().to_vendor();
  auto verified = [&] {
    Buffer request(8192);
    Writer out(request);
    wire::write_verify_request(out, {.session = 1, .device = {}, .certificate = certificate.der()});
    answer(out.written());
    return record_.answered_yes;
  };
  for (bool ends : {false, true}) {
    put(certificate, {4}, 600, ends);
    const index::CertificateRecord* record = snapshot_.certificates.find(certificate.der());
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(to_buffer(record->roles()), Buffer{4});  // the mark is none of them
    EXPECT_EQ(record->ends(), ends);
    now_ = certificate.not_after();
    EXPECT_TRUE(verified());
    EXPECT_TRUE(ask(issuer, certificate.serial()));
    now_ = certificate.not_after() + 1;
    EXPECT_EQ(verified(), !ends);
    EXPECT_EQ(ask(issuer, certificate.serial()), !ends);
  }
}

TEST_F(TvsAnswer, ResponsesThatDoNotFitWriteNothingThatCounts) {
  put("tftp", {0, 2});
  Buffer small(100);
  Writer out(small);
  EXPECT_TRUE(answer_tvs(message("query-request-tftp"), snapshot_, digests_, now_, out, record_));
  EXPECT_FALSE(out.ok());
}

TEST_F(TvsAnswer, TruncatedRequestsAreMalformed) {
  for (const char* name : {"verify-request", "query-request-tftp"}) {
    Buffer whole = message(name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Writer out(room_);
      ASSERT_FALSE(answer_tvs(Bytes(whole).first(size), snapshot_, digests_, now_, out, record_))
          << name << " " << size;
      ASSERT_EQ(out.size(), 0u);
    }
  }
}

TEST_F(TvsAnswer, DeviceNamesAreMadePrintable) {
  Buffer request(256);
  Writer out(request);
  const std::uint8_t device[] = {'S', 'E', 'P', '\n', 0x1b, 0xff};
  const std::uint8_t der[] = {0x30, 0};
  wire::write_verify_request(out, {.session = 1, .device = device, .certificate = der});
  answer(out.written());
  EXPECT_EQ(record_.device.text(), "SEP???");
}

}  // namespace
}  // namespace anchord::service
