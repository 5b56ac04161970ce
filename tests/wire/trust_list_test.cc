#include "anchord/wire/trust_list.h"

#include <set>

#include "samples.h"

namespace anchord::wire {
namespace {

using namespace test;

Buffer record(std::initializer_list<Buffer> items) {
  Buffer body = join(items);
  std::size_t length = 5 + body.size();
  return join({item(1, {static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)}), body});
}

const std::size_t kFirst = HeaderParts{}.file().size();  // where the first record begins

Buffer list_of(std::initializer_list<Buffer> records) {
  return join({HeaderParts{}.file(), join(records)});
}

std::string error_in(std::initializer_list<Buffer> records) {
  return error_of(parse_trust_list(list_of(records)));
}

std::string at(std::size_t offset) {
  return "' at offset " + std::to_string(kFirst + offset) + ": ";
}

HeaderFields some_fields() {
  HeaderFields fields;
  fields.signer_version = Version{1, 1};
  fields.signer_name = fields.issuer_name = "CN=a";
  static constexpr std::uint8_t kSerial[] = {1};
  fields.serial = kSerial;
  fields.file_name = "ITLFile.tlv";
  return fields;
}

class TrustListVector : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Vectors, TrustListVector, testing::Values("sha1", "sha512"));

TEST_P(TrustListVector, ReadsItsRecords) {
  Buffer file = vector_file(std::string(GetParam()) + "/ITLFile.tlv");
  auto list = parse_trust_list(file);
  ASSERT_TRUE(list) << error_of(list);
  using enum Role;
  const Role roles[] = {sast, sast, ccm_tftp, tvs, capf, app_server, app_server};
  ASSERT_EQ(list->records.size(), std::size(roles));
  for (std::size_t i = 0; i < std::size(roles); ++i) {
    const Record& r = list->records[i];
    EXPECT_EQ(r.role, roles[i]);
    EXPECT_EQ(r.subject, r.issuer);
    EXPECT_EQ(r.serial.size(), 20u);
    EXPECT_FALSE(r.dns_name || r.ip || r.hash_algorithm);
  }
  EXPECT_TRUE(same_bytes(list->records[0].serial, list->header.serial));
  EXPECT_EQ(list->records[5].public_key.size(), 65u);
  EXPECT_EQ(list->records[5].signature.size(), 71u);
  EXPECT_EQ(list->records[5].certificate.size(), 513u);
  EXPECT_EQ(list->records[6].subject,
            R"(C=DE,O=Müller\, Söhne \+ Co,OU=Abteilung \"A\",CN=dienst.example.com)");
}

TEST_P(TrustListVector, WritesItByteForByte) {
  Buffer file = vector_file(std::string(GetParam()) + "/ITLFile.tlv");
  auto list = parse_trust_list(file);
  ASSERT_TRUE(list);
  auto written = build_trust_list(list->header, list->records);
  ASSERT_TRUE(written) << written.error().text;

  SignedParts parts = signed_parts(file, list->header);
  Buffer covered = join({to_buffer(parts.before), to_buffer(parts.after)});
  EXPECT_EQ(written->bytes, covered);
  EXPECT_EQ(written->signature_at, list->header.signature_offset);
  EXPECT_EQ(insert_signature(std::move(*written), list->header.signature), file);
}

TEST_P(TrustListVector, EveryTruncationButBetweenRecordsIsAnError) {
  Buffer file = vector_file(std::string(GetParam()) + "/ITLFile.tlv");
  std::set<std::size_t> boundaries;
  for (std::size_t at = 496; at < file.size(); at += std::size_t{file[at + 3]} << 8 | file[at + 4]) {
    boundaries.insert(at);
  }
  ASSERT_EQ(boundaries.size(), 7u);
  for (std::size_t size = 0; size < file.size(); ++size) {
    auto list = parse_trust_list(to_buffer(Bytes(file).first(size)));
    ASSERT_EQ(list.has_value(), boundaries.contains(size)) << size;
    ASSERT_TRUE(list || list.error().offset <= size) << size;
  }
}

TEST(TrustList, EmptyRecordsBothWays) {
  const Buffer bare = record({name_item(2, "10.48.47.153"), item(4, {0, 2})});
  const Buffer with_ip =
      record({name_item(2, "10.48.47.153"), item(4, {0, 21}), item(10, {10, 48, 47, 153})});
  ASSERT_EQ(with_ip.size(), 33u);
  Buffer file = list_of({bare, with_ip});
  auto list = parse_trust_list(file);
  ASSERT_TRUE(list) << error_of(list);
  ASSERT_EQ(list->records.size(), 2u);
  const Record& first = list->records[0];
  EXPECT_EQ(first.dns_name, "10.48.47.153");
  EXPECT_EQ(first.role, Role::ccm_tftp);
  EXPECT_FALSE(first.subject || first.issuer || first.ip);
  EXPECT_TRUE(first.serial.empty() && first.certificate.empty() && first.public_key.empty());
  EXPECT_EQ(list->records[1].role, Role::tvs);
  EXPECT_EQ(list->records[1].ip, (std::array<std::uint8_t, 4>{10, 48, 47, 153}));

  auto written = build_trust_list(list->header, list->records);
  ASSERT_TRUE(written);
  Buffer again = insert_signature(std::move(*written), list->header.signature);
  EXPECT_EQ(to_buffer(Bytes(again).last(bare.size() + with_ip.size())), join({bare, with_ip}));
}

TEST(TrustList, WritesItemsInTheOrderOfTheirPlaces) {
  const Buffer full =
      record({name_item(2, ""), name_item(3, "CN=s"), name_item(5, "CN=i"), item(6, {1}), item(4, {0, 3}),
              item(7, text("key")), item(8, text("sig")), item(9, text("der")), item(10, {127, 0, 0, 1}),
              item(11, Buffer(20, 7)), item(12, {1})});
  // The same items, turned round.
  const Buffer turned =
      record({item(12, {1}), item(11, Buffer(20, 7)), item(10, {127, 0, 0, 1}), item(9, text("der")),
              item(8, text("sig")), item(7, text("key")), item(4, {0, 3}), item(6, {1}), name_item(5, "CN=i"),
              name_item(3, "CN=s"), item(2, {0, 0})});
  Buffer file = list_of({full, turned});
  auto list = parse_trust_list(file);
  ASSERT_TRUE(list) << error_of(list);
  EXPECT_EQ(list->records[1].dns_name, "");
  EXPECT_EQ(list->records[1].hash_algorithm, Digest::sha1);
  auto written = build_trust_list(list->header, list->records);
  ASSERT_TRUE(written);
  EXPECT_EQ(to_buffer(Bytes(written->bytes).last(2 * full.size())), join({full, full}));
}

TEST(TrustList, KeepsARoleThatItDoesNotKnow) {
  Buffer file = list_of({record({item(4, {1, 5})})});
  auto list = parse_trust_list(file);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->records[0].role, static_cast<Role>(261));
}

TEST(TrustList, NamesWhatIsWrongWithARecord) {
  const Buffer role = item(4, {0, 1});
  EXPECT_EQ(error_in({record({role})}), "no error");
  EXPECT_EQ(error_in({record({})}), "item 'function" + at(5) + "is missing");
  EXPECT_EQ(error_in({record({role, role})}), "item 'function" + at(10) + "occurs twice");
  EXPECT_EQ(error_in({record({item(4, {1})})}), "item 'function" + at(5) + "has the wrong length");
  EXPECT_EQ(error_in({record({item(4, {0, 0, 0})})}), "item 'function" + at(5) + "has the wrong length");
  EXPECT_EQ(error_in({record({role, item(13, {})})}), "item 'record item" + at(10) + "has an unknown tag");
  EXPECT_EQ(error_in({record({role, {0}})}), "item 'record item" + at(10) + "has an unknown tag");
  EXPECT_EQ(error_in({record({role, item(1, {0, 9})})}),
            "item 'record length" + at(10) + "is not where it must be");
  EXPECT_EQ(error_in({record({role, {9, 0, 2, 1}})}), "item 'certificate" + at(10) + "runs past the end");
  EXPECT_EQ(error_in({record({role, {9, 0}})}), "item 'certificate" + at(10) + "runs past the end");
  EXPECT_EQ(error_in({record({role, item(10, {1, 2, 3})})}),
            "item 'IP address" + at(10) + "has the wrong length");
  EXPECT_EQ(error_in({record({role, item(3, text("abc"))})}),
            "item 'subject name" + at(10) + "is not ended by a NUL");
  EXPECT_EQ(error_in({record({role, item(3, {'a', 0, 'b', 0})})}),
            "item 'subject name" + at(10) + "has a NUL inside");
  EXPECT_EQ(error_in({record({role, item(11, {1})})}), "item 'hash algorithm" + at(14) + "is missing");
  EXPECT_EQ(error_in({record({role, item(12, {1})})}), "item 'certificate hash" + at(14) + "is missing");
  EXPECT_EQ(error_in({record({role, item(11, {}), item(12, {1})})}),
            "item 'certificate hash" + at(10) + "is empty");
  EXPECT_EQ(error_in({record({role, item(11, {1}), item(12, {9})})}),
            "item 'hash algorithm" + at(14) + "is not known");
}

TEST(TrustList, NamesWhatIsWrongBetweenRecords) {
  const Buffer good = record({item(4, {0, 1})});
  EXPECT_EQ(error_in({good, {0}}), "item 'record length" + at(10) + "is not where it must be");
  EXPECT_EQ(error_in({good, {1}}), "item 'record length" + at(10) + "runs past the end");
  EXPECT_EQ(error_in({item(1, {0, 4})}), "item 'record length" + at(0) + "ends before itself");
  EXPECT_EQ(error_in({item(1, {0, 6})}), "item 'record length" + at(0) + "runs past the end");
  EXPECT_EQ(error_in({item(1, {0, 0, 5})}), "item 'record length" + at(0) + "has the wrong length");
  EXPECT_EQ(error_in({good, item(1, {0, 11}), item(4, {0, 1})}),
            "item 'record length" + at(10) + "runs past the end");
}

TEST(TrustList, RefusesASignedFile) {
  HeaderParts parts;
  parts.version = {1, 0};
  Buffer file = join({parts.file(), record({item(4, {0, 0})})});
  EXPECT_EQ(error_of(parse_trust_list(file)),
            "item 'version' at offset 0: is that of a signed file, not of a trust list");
}

TEST(TrustList, RefusesMoreThanPhonesLoad) {
  Buffer file = HeaderParts{}.file();
  Buffer filler = record({item(4, {0, 0}), item(9, Buffer(60000, 1))});
  file.insert(file.end(), filler.begin(), filler.end());
  std::size_t rest = kMaxTrustListSize - file.size() - 5 - 5 - 3;
  Buffer last = record({item(4, {0, 0}), item(9, Buffer(rest, 1))});
  file.insert(file.end(), last.begin(), last.end());
  ASSERT_EQ(file.size(), kMaxTrustListSize);
  EXPECT_TRUE(parse_trust_list(file));
  file.push_back(1);
  EXPECT_EQ(error_of(parse_trust_list(file)),
            "item 'trust list' at offset 65536: is larger than the 65536 bytes that phones load");
}

TEST(TrustList, BoundsTheNumberOfRecords) {
  Buffer file = HeaderParts{}.file();
  const Buffer one = record({item(4, {0, 1})});
  for (std::size_t i = 0; i < kMaxTrustListRecords; ++i) file.insert(file.end(), one.begin(), one.end());
  EXPECT_TRUE(parse_trust_list(file));
  file.insert(file.end(), one.begin(), one.end());
  EXPECT_EQ(error_of(parse_trust_list(file)),
            "item 'record" + at(5120) + "is one more than the 512 that a list may have");

  std::vector<Record> records(kMaxTrustListRecords + 1);
  auto written = build_trust_list(some_fields(), records);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().text.find("513 records"), std::string::npos) << written.error().text;
  records.pop_back();
  EXPECT_TRUE(build_trust_list(some_fields(), records));
}

TEST(TrustList, WriterNamesTheSizeThatIsTooLarge) {
  auto size_with = [](std::size_t certificate) {
    Buffer der(certificate, 1);
    Record filler{.certificate = Bytes(der).first(std::min<std::size_t>(certificate, 40000))};
    Record rest{.certificate = Bytes(der).subspan(filler.certificate.size())};
    return build_trust_list(some_fields(), std::vector<Record>{filler, rest});
  };
  std::size_t overhead = size_with(50000)->bytes.size() + 3 + 64 - 50000;
  auto fits = size_with(kMaxTrustListSize - overhead);
  ASSERT_TRUE(fits) << fits.error().text;
  Buffer file = insert_signature(std::move(*fits), Buffer(64, 1));
  EXPECT_EQ(file.size(), kMaxTrustListSize);
  EXPECT_TRUE(parse_trust_list(file));
  auto too_large = size_with(kMaxTrustListSize - overhead + 1);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().text,
            "the trust list would be 65537 bytes, and phones load no more than 65536: "
            "remove some of its 2 records");
}

TEST(TrustList, WriterNamesAnItemThatTheFormatCannotHold) {
  const Buffer huge(65536, 'x');
  auto item_too_long = build_trust_list(some_fields(), std::vector<Record>{{.certificate = huge}});
  ASSERT_FALSE(item_too_long);
  EXPECT_NE(item_too_long.error().text.find("'certificate' is 65536 bytes"), std::string::npos)
      << item_too_long.error().text;
  auto record_too_long =
      build_trust_list(some_fields(), std::vector<Record>{{.certificate = Bytes(huge).first(65535)}});
  ASSERT_FALSE(record_too_long);
  EXPECT_NE(record_too_long.error().text.find("'record length'"), std::string::npos)
      << record_too_long.error().text;
  auto nul = build_trust_list(some_fields(), std::vector<Record>{{.subject = std::string_view("a\0b", 3)}});
  ASSERT_FALSE(nul);
  EXPECT_NE(nul.error().text.find("'subject name' has a NUL"), std::string::npos) << nul.error().text;
}

}  // namespace
}  // namespace anchord::wire
