#include "anchord/trust/trust_list.h"
#include "anchord/phone/file_kind.h"

#include <gtest/gtest.h>

#include <set>

#include "anchord/base/hex.h"
#include "anchord/crypto/digest.h"
#include "anchord/crypto/self_signed.h"
#include "signing.h"
#include "vectors.h"

namespace anchord::trust {
namespace {

using wire::Role;

class VectorList : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Digests, VectorList, testing::Values("sha1", "sha512"),
                         [](const auto& about) { return about.param; });

TEST_P(VectorList, IsMadeByteForByte) {
  auto built = build_trust_list(vector_fields(GetParam()), vector_time(GetParam()));
  ASSERT_TRUE(built) << built.error().text;
  EXPECT_TRUE(same_bytes(*built, vector_file(GetParam() + "/ITLFile.tlv")));
}

TEST_P(VectorList, Verifies) {
  Buffer file = vector_file(GetParam() + "/ITLFile.tlv");
  auto verified = verify_trust_list(file);
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->signer, vector_certificate("tftp"));
  EXPECT_EQ(verified->list.records.size(), 7U);
  EXPECT_TRUE(verify_trust_list(file, vector_certificate("tftp")));
}

TEST_P(VectorList, IsRefusedAfterAnySingleByteIsChanged) {
  Buffer file = vector_file(GetParam() + "/ITLFile.tlv");
  crypto::Certificate signer = vector_certificate("tftp");
  for (std::size_t i = 0; i < file.size(); ++i) {
    // Another bit each time, so that all eight get their turn.
    auto bit = static_cast<std::uint8_t>(1U << (i % 8));
    file[i] ^= bit;
    ASSERT_FALSE(verify_trust_list(file)) << "byte " << i;
    ASSERT_FALSE(verify_trust_list(file, signer)) << "byte " << i;
    file[i] ^= bit;
  }
  EXPECT_TRUE(verify_trust_list(file));
}

TEST_P(VectorList, IsRefusedWhenCutOrExtended) {
  Buffer file = vector_file(GetParam() + "/ITLFile.tlv");
  for (std::size_t size = 0; size < file.size(); size += 7)
    ASSERT_FALSE(verify_trust_list(Bytes(file).first(size))) << size;
  file.push_back(0);
  EXPECT_FALSE(verify_trust_list(file));
}

// Names in quotes and cut, without blanks at their ends, in lower case, without their DC.
TEST(VerifyTrustList, TakesNamesAsTheVendorWritesThem) {
  for (const char* name :
       {"etoken-as-published", "etoken-plain-names", "adcs-issuer-with-dc", "adcs-issuer-without-dc"}) {
    Buffer file = vector_file("field/" + std::string(name) + ".tlv");
    auto verified = verify_trust_list(file);
    ASSERT_TRUE(verified) << name << ": " << verified.error().text;
    EXPECT_TRUE(verify_trust_list(file, verified->signer)) << name;
    EXPECT_FALSE(verify_trust_list(file, vector_certificate("tftp"))) << name;
  }
}

TEST(NamedCertificate, IsTheOneSurelyNamedElseTheOnlyOne) {
  auto a = vector_certificate("tftp"), b = vector_certificate("tvs");
  NamedCertificate one;
  EXPECT_FALSE(one.found());
  one.consider(a, Naming::other);
  EXPECT_FALSE(one.found());
  one.consider(a, Naming::perhaps);
  one.consider(a, Naming::perhaps);
  EXPECT_EQ(one.found(), a);
  one.consider(b, Naming::perhaps);
  EXPECT_FALSE(one.found());
  one.consider(b, Naming::surely);
  EXPECT_EQ(one.found(), b);
  one.consider(a, Naming::perhaps);
  EXPECT_EQ(one.found(), b);
}

TEST(NamingOf, SerialNumberIssuerAndSubject) {
  auto c = vector_certificate("tftp");
  std::string issuer = c.issuer().to_vendor(), subject = c.subject().to_open();
  Buffer padded = to_buffer(c.serial());
  padded.insert(padded.begin(), 2, 0);
  EXPECT_EQ(naming_of({subject, issuer, padded}, c), Naming::surely);
  EXPECT_EQ(naming_of({"", issuer, c.serial()}, c), Naming::surely);
  EXPECT_EQ(naming_of({"CN=cucm1.example.com", issuer, c.serial()}, c), Naming::perhaps);
  EXPECT_EQ(naming_of({"CN=cucm2.example.com", issuer, c.serial()}, c), Naming::other);
  EXPECT_EQ(naming_of({subject, issuer, c.serial().first(5)}, c), Naming::other);
}

TEST(VerifyTrustList, RefusesAnotherSigner) {
  Buffer file = vector_file("sha1/ITLFile.tlv");
  auto verified = verify_trust_list(file, vector_certificate("recovery"));
  ASSERT_FALSE(verified);
  expect_error(verified.error(),
               {"signed by 'C=US,ST=California", "not by 'CN=ITLRECOVERY_cucm1.example.com;"});
}

// Same name, same serial number, another key: what a forger would make.
TEST(VerifyTrustList, RefusesAnotherKeyUnderTheSameName) {
  TrustListFields fields = vector_fields("sha512");
  Buffer file = build_trust_list(fields, 1).value();
  auto key = crypto::PrivateKey::generate(crypto::KeyKind::rsa2048).value();
  wire::TrustList list = wire::parse_trust_list(file).value();
  auto unsigned_file = wire::build_trust_list(list.header, list.records).value();
  std::array<Bytes, 1> parts{unsigned_file.bytes};
  Buffer signature = key.sign(crypto::Digest::sha512, parts).value();
  Buffer forged = wire::insert_signature(unsigned_file, signature);
  auto verified = verify_trust_list(forged);
  ASSERT_FALSE(verified);
  expect_error(verified.error(), {"does not verify"});
}

// A list signed by the right key whose records lie about their certificates.
class LyingRecord : public testing::Test {
 protected:
  void expect_refused(std::string_view item) {
    auto unsigned_file = wire::build_trust_list(list_.header, list_.records).value();
    std::array<Bytes, 1> parts{unsigned_file.bytes};
    Buffer signature = vector_identity("tftp").key->sign(crypto::Digest::sha512, parts).value();
    Buffer file = wire::insert_signature(unsigned_file, signature);
    auto verified = verify_trust_list(file);
    ASSERT_FALSE(verified) << item;
    expect_error(verified.error(), {"record 4 (tvs)", item});
  }

  Buffer file_ = vector_file("sha512/ITLFile.tlv");
  wire::TrustList list_ = wire::parse_trust_list(file_).value();
  wire::Record& record_ = list_.records[3];
  const wire::Record& other_ = list_.records[4];
};

TEST_F(LyingRecord, Subject) {
  record_.subject = other_.subject;
  expect_refused("subject name");
}
TEST_F(LyingRecord, Issuer) {
  record_.issuer = "CN=";
  expect_refused("issuer name");
}
TEST_F(LyingRecord, Serial) {
  record_.serial = other_.serial;
  expect_refused("serial number");
}
TEST_F(LyingRecord, PublicKey) {
  record_.public_key = other_.public_key;
  expect_refused("public key");
}
TEST_F(LyingRecord, Signature) {
  record_.signature = other_.signature;
  expect_refused("signature");
}
TEST_F(LyingRecord, Certificate) {
  record_.certificate = record_.certificate.first(record_.certificate.size() - 1);
  expect_refused("record 4 (tvs): ");
}
TEST_F(LyingRecord, Hash) {
  Buffer hash = crypto::digest(crypto::Digest::sha256, other_.certificate);
  record_.hash = hash;
  record_.hash_algorithm = wire::Digest::sha256;
  expect_refused("hash");
}

TEST(VerifyTrustList, NamesASignerThatIsNotListed) {
  Buffer file = vector_file("sha512/ITLFile.tlv");
  wire::TrustList list = wire::parse_trust_list(file).value();
  list.records.erase(list.records.begin());
  auto unsigned_file = wire::build_trust_list(list.header, list.records).value();
  std::array<Bytes, 1> parts{unsigned_file.bytes};
  Buffer signature = vector_identity("tftp").key->sign(crypto::Digest::sha512, parts).value();
  Buffer alone = wire::insert_signature(unsigned_file, signature);
  auto verified = verify_trust_list(alone);
  ASSERT_FALSE(verified);
  expect_error(verified.error(), {"not among its SAST records"});
  // The CCM+TFTP record holds the same certificate, but that role may not sign lists.
  EXPECT_TRUE(verify_trust_list(alone, vector_certificate("tftp")));
}

TEST(BuildTrustList, SpellsNamesAsVendorByDefault) {
  Buffer file = build_trust_list(itl_fields(vector_cluster()), 5).value();
  auto verified = verify_trust_list(file);
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->list.header.signer_name,
            "CN=cucm1.example.com;OU=Voice;O=Example Corp;L=San Jose;ST=California;C=US");
  EXPECT_EQ(verified->list.header.timestamp, 5U);
}

TEST(BuildTrustList, TakesNamesWithSeparatorsInThem) {
  crypto::SelfSignedRequest request{.not_before = 1700000000, .days = 10};
  request.subject.append("O", "A; OU=B, C + D");
  request.subject.append("CN", "odd;CN=odder");
  auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
  for (auto spelling : {crypto::NameSpelling::vendor, crypto::NameSpelling::open}) {
    TrustListFields fields = vector_fields("sha512");
    fields.signing.spelling = spelling;
    fields.records.push_back({crypto::make_self_signed(key, request).value(), Role::app_server, "h"});
    auto built = build_trust_list(fields, 1);
    EXPECT_TRUE(built) << built.error().text;
  }
}

TEST(BuildTrustList, NeedsAnRsaSignerWithItsKey) {
  TrustListFields fields = vector_fields("sha512");
  fields.signer.key.reset();
  expect_error(build_trust_list(fields, 1).error(), {"ITLFile.tlv", "cucm1.example.com", "not at hand"});
  fields.signer.key = vector_identity("recovery").key;
  expect_error(build_trust_list(fields, 1).error(), {"does not match"});
  fields.signer = vector_identity("app-ec");
  fields.records[0].certificate = fields.signer.certificate;
  expect_error(build_trust_list(fields, 1).error(), {"RSA"});
}

TEST(BuildTrustList, ListsItsSigner) {
  TrustListFields fields = vector_fields("sha512");
  fields.signer = vector_identity("capf");
  expect_error(build_trust_list(fields, 1).error(), {"must list its signer 'CN=CAPF-1a2b3c4d", "sast"});
}

TEST(BuildTrustList, TakesTwoSignersAndNoMore) {
  TrustListFields fields = vector_fields("sha512");
  fields.records.push_back({vector_certificate("capf"), Role::sast, {}});
  expect_error(build_trust_list(fields, 1).error(), {"3 signers"});
}

TEST(BuildTrustList, RefusesTimesThatDoNotFit) {
  TrustListFields fields = vector_fields("sha512");
  EXPECT_FALSE(build_trust_list(fields, -1));
  EXPECT_FALSE(build_trust_list(fields, UnixSeconds{1} << 32));
  EXPECT_TRUE(build_trust_list(fields, (UnixSeconds{1} << 32) - 1));
}

TEST(BuildTrustList, NamesSizeAndCertificatesToDropWhenTooLarge) {
  TrustListFields fields = vector_fields("sha512");
  Buffer last;
  for (;;) {  // fill it to the brim
    fields.records.push_back({vector_certificate("tvs"), Role::tvs, {}});
    auto built = build_trust_list(fields, 1);
    if (!built) break;
    last = *built;
  }
  std::size_t one = 0;
  {
    TrustListFields less = fields;
    less.records.pop_back();
    less.records.pop_back();
    one = last.size() - build_trust_list(less, 1).value().size();
  }
  EXPECT_LE(last.size(), wire::kMaxTrustListSize);
  EXPECT_GT(last.size() + one, wire::kMaxTrustListSize);
  fields.records.push_back({vector_certificate("app-ec"), Role::app_server, {}});
  auto built = build_trust_list(fields, 1);
  ASSERT_FALSE(built);
  expect_error(built.error(), {"ITLFile.tlv", "65536", "leave out 2 of its", "tvs 'C=US,",
                               "CN=TVS-cucm1.example.com'", "app-server 'C=US,"});
}

TEST(ItlFields, CarryModeHostsAndServices) {
  Cluster cluster = vector_cluster();
  cluster.hosts.push_back({"cucm2.example.com", {"192.0.2.2"}});
  cluster.tvs.push_back(vector_identity("phone"));
  Buffer file = build_trust_list(itl_fields(cluster), 1).value();
  auto list = verify_trust_list(file).value().list;
  std::vector<Role> roles;
  for (const auto& record : list.records) roles.push_back(record.role);
  EXPECT_EQ(roles,
            (std::vector{Role::sast, Role::sast, Role::tftp, Role::tftp, Role::tvs, Role::tvs, Role::capf}));
  EXPECT_TRUE(same_bytes(list.records[2].certificate, cluster.tftp.certificate.der()));
  EXPECT_TRUE(same_bytes(list.records[3].certificate, cluster.tftp_ec.certificate.der()));
  EXPECT_EQ(list.records[4].dns_name, "cucm1.example.com");
  EXPECT_EQ(list.records[5].dns_name, "cucm2.example.com");
  EXPECT_TRUE(same_bytes(list.records[5].certificate, vector_certificate("phone").der()));
  EXPECT_FALSE(list.records[0].dns_name);
  EXPECT_EQ(list.header.signer_version, (wire::Version{1, 1}));

  cluster.mode = Mode::mixed;
  file = build_trust_list(itl_fields(cluster), 1).value();
  list = verify_trust_list(file).value().list;
  EXPECT_EQ(list.records[2].role, Role::ccm_tftp);
  EXPECT_EQ(list.records[3].role, Role::tftp);

  // Phones for which lists are signed with SHA-1 do not use HTTPS.
  cluster.signing.digest = wire::Digest::sha1;
  file = build_trust_list(itl_fields(cluster), 1).value();
  list = verify_trust_list(file).value().list;
  EXPECT_EQ(list.header.signer_version, (wire::Version{1, 0}));
  EXPECT_EQ(list.records[2].role, Role::ccm_tftp);
  EXPECT_EQ(list.records[3].role, Role::tvs);
  EXPECT_EQ(list.records.size(), 6U);
}

TEST(FieldsDigest, ChangesWithEveryFieldAndNothingElse) {
  std::set<Buffer> seen;
  const TrustListFields base = vector_fields("sha512");
  auto is_new = [&](const TrustListFields& fields) { return seen.insert(fields_digest(fields)).second; };
  EXPECT_TRUE(is_new(base));
  EXPECT_FALSE(is_new(vector_fields("sha512")));
  TrustListFields changed = base;
  changed.signer.key.reset();
  EXPECT_FALSE(is_new(changed));  // a reader without keys must find the saved list

  (changed = base).file_name = "CTLFile.tlv";
  EXPECT_TRUE(is_new(changed));
  (changed = base).signer = vector_identity("recovery");
  EXPECT_TRUE(is_new(changed));
  (changed = base).signing.digest = wire::Digest::sha1;
  EXPECT_TRUE(is_new(changed));
  (changed = base).signing.spelling = crypto::NameSpelling::vendor;
  EXPECT_TRUE(is_new(changed));
  (changed = base).signer_version = {1, 0};
  EXPECT_TRUE(is_new(changed));
  (changed = base).records[3].dns_name = "cucm1";
  EXPECT_TRUE(is_new(changed));
  (changed = base).records[3].role = Role::capf;
  EXPECT_TRUE(is_new(changed));
  (changed = base).records[3].certificate = vector_certificate("capf");
  EXPECT_TRUE(is_new(changed));
  std::swap((changed = base).records[3], changed.records[4]);
  EXPECT_TRUE(is_new(changed));
  (changed = base).records.pop_back();
  EXPECT_TRUE(is_new(changed));
}

// --- Emptied records

TEST(EmptiedRecord, IsAsTheVendorsListsHaveIt) {
  Cluster cluster = vector_cluster();
  cluster.hosts[0].addresses = {"2001:db8::1", "10.48.47.153", "192.0.2.7"};  // the first of IPv4
  cluster.has_ctl = true;
  Buffer file = build_trust_list(ctl_fields(cluster), 1).value();
  wire::TrustList list = verify_trust_list(file).value().list;
  const wire::Record& record = list.records[2];
  EXPECT_EQ(record.role, Role::ccm_tftp);
  EXPECT_EQ(record.dns_name, "10.48.47.153");
  EXPECT_EQ(record.ip, (std::array<std::uint8_t, 4>{10, 48, 47, 153}));
  EXPECT_TRUE(record.certificate.empty());
  EXPECT_FALSE(record.subject);
  EXPECT_FALSE(record.issuer);
  EXPECT_TRUE(record.serial.empty());
  // Length, name, function and address: 33 bytes in all.
  std::string front{
      "\x01\x00\x02\x00\x21\x02\x00\x0d"
      "10.48.47.153\x00"
      "\x04\x00\x02\x00\x02\x0a\x00\x04\x0a\x30\x2f\x99",
      33};
  EXPECT_NE(as_text(file).find(front), std::string_view::npos);
}

TEST(EmptiedRecord, OfAHostWithoutAnIpv4AddressHasItsName) {
  for (const std::vector<std::string>& addresses :
       std::vector<std::vector<std::string>>{{}, {"2001:db8::1"}, {"2001:db8::1", "2001:db8::2"}}) {
    Cluster cluster = vector_cluster();
    cluster.hosts[0].addresses = addresses;
    cluster.has_ctl = true;
    Buffer file = build_trust_list(ctl_fields(cluster), 1).value();
    wire::TrustList list = verify_trust_list(file).value().list;
    EXPECT_EQ(list.records[2].dns_name, "cucm1.example.com");
    EXPECT_FALSE(list.records[2].ip);
  }
}

TEST(EmptiedRecord, CountsInTheDigest) {
  std::set<Buffer> seen;
  TrustListFields fields = vector_fields("sha512");
  auto is_new = [&] { return seen.insert(fields_digest(fields)).second; };
  EXPECT_TRUE(is_new());
  fields.records[3].address = "192.0.2.1";  // not in the record while it has a certificate
  EXPECT_FALSE(is_new());
  fields.records[3].certificate.reset();
  EXPECT_TRUE(is_new());
  fields.records[3].address = "192.0.2.2";
  EXPECT_TRUE(is_new());
  fields.records[3].dns_name = "192.0.2.2";
  EXPECT_TRUE(is_new());
}

// Lists that were saved by a store before there were emptied records stay in use.
TEST(FieldsDigest, OfFullListsNeverChanges) {
  EXPECT_EQ(to_hex(fields_digest(vector_fields("sha512"))),
            "e09dbbbc2c672660c75453bdbb8abb5a580573b578c9d3500e66e3a6f7284271");
}

TEST(BuildTrustList, NeedsACertificateInItsSignersRecord) {
  TrustListFields fields = vector_fields("sha512");
  fields.records[0].certificate.reset();
  expect_error(build_trust_list(fields, 1).error(), {"must list its signer"});
}

TEST(CtlFields, CarrySignersModeAndCapf) {
  Cluster cluster = vector_cluster();
  cluster.mode = Mode::mixed;
  cluster.has_ctl = true;
  Buffer file = build_trust_list(ctl_fields(cluster), 1).value();
  auto verified = verify_trust_list(file).value();
  EXPECT_EQ(verified.signer, cluster.tftp.certificate);
  const auto& records = verified.list.records;
  std::vector<Role> roles;
  for (const auto& record : records) roles.push_back(record.role);
  EXPECT_EQ(roles, (std::vector{Role::sast, Role::sast, Role::ccm_tftp, Role::capf}));
  EXPECT_EQ(verified.list.header.file_name, phone::kCtlFileName);
  EXPECT_TRUE(same_bytes(records[0].certificate, cluster.tftp.certificate.der()));
  EXPECT_TRUE(same_bytes(records[1].certificate, cluster.recovery.certificate.der()));
  EXPECT_TRUE(same_bytes(records[2].certificate, cluster.tftp.certificate.der()));
  EXPECT_EQ(records[2].dns_name, "cucm1.example.com");
  EXPECT_TRUE(same_bytes(records[3].certificate, cluster.capf.certificate.der()));
}

TEST(ItlFields, AreBlankWhileRollingBack) {
  Cluster cluster = vector_cluster();
  cluster.hosts.push_back({"cucm2.example.com", {"192.0.2.2"}});
  cluster.tvs.push_back(vector_identity("phone"));
  cluster.rolling_back = true;
  Buffer file = build_trust_list(itl_fields(cluster), 1).value();
  auto verified = verify_trust_list(file).value();
  EXPECT_EQ(verified.signer, cluster.tftp.certificate);
  std::vector<Role> filled;
  std::vector<Role> blank;
  for (const auto& record : verified.list.records)
    (record.certificate.empty() ? blank : filled).push_back(record.role);
  EXPECT_EQ(filled, (std::vector{Role::sast, Role::sast, Role::capf}));
  EXPECT_EQ(blank, (std::vector{Role::tftp, Role::tftp, Role::tvs, Role::tvs}));
  EXPECT_EQ(verified.list.records[5].dns_name, "192.0.2.2");
}

TEST(Cluster, NamesReadBack) {
  for (Service service : {Service::tvs, Service::tftp, Service::tftp_ec, Service::capf, Service::recovery})
    EXPECT_EQ(service_from_name(service_name(service)), service);
  EXPECT_FALSE(service_from_name("TVS"));
  EXPECT_EQ(service_choice(), "tvs, tftp, tftp-ec, capf or recovery");
  EXPECT_EQ(service_from_name("tftp-ec"), Service::tftp_ec);
  EXPECT_EQ(mode_from_name("mixed"), Mode::mixed);
  EXPECT_EQ(mode_from_name("nonsecure"), Mode::nonsecure);
  EXPECT_FALSE(mode_from_name(""));
}

TEST(Cluster, ACertificateNamesThePhoneInItsCommonName) {
  crypto::Name subject;
  subject.append("O", "SEP00112233AAAA");
  EXPECT_FALSE(named_phone(subject));
  subject.append("CN", "CP-8861-SEP00112233AABB");
  EXPECT_EQ(named_phone(subject), "SEP00112233AABB");
  EXPECT_FALSE(named_phone({}));
}

TEST(Cluster, OnlyTheTwoSignersMaySignLists) {
  for (Mode mode : {Mode::nonsecure, Mode::mixed}) {
    EXPECT_EQ(own_roles(Service::tvs, mode), std::vector{Role::tvs});
    EXPECT_EQ(own_roles(Service::tftp_ec, mode), std::vector{Role::tftp});
    EXPECT_EQ(own_roles(Service::capf, mode), std::vector{Role::capf});
    EXPECT_EQ(own_roles(Service::recovery, mode), std::vector{Role::sast});
  }
  EXPECT_EQ(own_roles(Service::tftp, Mode::nonsecure), (std::vector{Role::sast, Role::tftp}));
  EXPECT_EQ(own_roles(Service::tftp, Mode::mixed), (std::vector{Role::sast, Role::ccm_tftp}));
}

}  // namespace
}  // namespace anchord::trust
