#include "anchord/wire/signed_file.h"

#include "samples.h"

namespace anchord::wire {
namespace {

using namespace test;

class SignedFileVector : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Vectors, SignedFileVector, testing::Values("sha1", "sha512"));

TEST_P(SignedFileVector, BothWaysByteForByte) {
  Buffer bytes = vector_file(std::string(GetParam()) + "/SEP001122334455.cnf.xml.sgn");
  auto file = parse_signed_file(bytes);
  ASSERT_TRUE(file) << error_of(file);
  EXPECT_EQ(file->header.version, kSignedFileVersion);
  EXPECT_EQ(file->header.length, 508u);
  EXPECT_EQ(file->header.padding, 1u);
  EXPECT_EQ(file->header.file_name, "SEP001122334455.cnf.xml.sgn");
  EXPECT_FALSE(file->header.signer_version);
  EXPECT_TRUE(as_text(file->content).starts_with("<?xml")) << as_text(file->content);

  auto written = build_signed_file(file->header, file->content);
  ASSERT_TRUE(written) << written.error().text;
  SignedParts parts = signed_parts(bytes, file->header);
  EXPECT_EQ(written->bytes, join({to_buffer(parts.before), to_buffer(parts.after)}));
  EXPECT_EQ(insert_signature(std::move(*written), file->header.signature), bytes);
}

TEST_P(SignedFileVector, EncryptedBothWaysByteForByte) {
  Buffer bytes = vector_file(std::string(GetParam()) + "/SEP001122334455.cnf.xml.enc.sgn");
  auto file = parse_signed_file(bytes);
  ASSERT_TRUE(file) << error_of(file);
  EXPECT_EQ(file->header.version, kEncryptedFileVersion);
  ASSERT_TRUE(file->header.encryption);
  EXPECT_EQ(file->content.size() - file->header.encryption->pad_length,
            vector_file("SEP001122334455.cnf.xml").size());

  auto written = build_signed_file(file->header, file->content);
  ASSERT_TRUE(written) << written.error().text;
  SignedParts parts = signed_parts(bytes, file->header);
  EXPECT_EQ(written->bytes, join({to_buffer(parts.before), to_buffer(parts.after)}));
  EXPECT_EQ(insert_signature(std::move(*written), file->header.signature), bytes);
}

TEST_P(SignedFileVector, CipherTextIsWholeBlocks) {
  Buffer bytes = vector_file(std::string(GetParam()) + "/SEP001122334455.cnf.xml.enc.sgn");
  const std::size_t length = parse_signed_file(bytes)->header.length;
  for (std::size_t size = 0; size <= 48; ++size) {
    Buffer cut = to_buffer(Bytes(bytes).first(length + size));
    auto file = parse_signed_file(cut);
    EXPECT_EQ(file.has_value(), size > 0 && size % 16 == 0) << size;
    if (file) continue;
    EXPECT_EQ(error_of(file),
              "item 'cipher text' at offset " + std::to_string(length) + ": is not whole blocks of 16 bytes");
  }
}

// An encrypted file's header is padded as any other, and takes keys of every size.
TEST(SignedFile, WritesWhatItReadsOfAnyEncryption) {
  static constexpr std::uint8_t kSerial[] = {1, 2, 3};
  const Buffer iv(kCipherBlock, 4);
  for (std::size_t key_size : {64, 128, 255, 256, 512}) {
    const Buffer key(key_size, 5);
    const Buffer digest(digest_size(Digest::sha256), 6);
    HeaderFields fields;
    fields.signer_name = fields.issuer_name = "CN=a";
    fields.serial = kSerial;
    fields.file_name = "x.enc.sgn";
    fields.encryption = Encryption{.iv = iv,
                                   .pad_length = 16,
                                   .key_bits = static_cast<std::uint16_t>(key_size * 8),
                                   .encrypted_key = key,
                                   .digest = Digest::sha256,
                                   .digest_value = digest};
    Buffer bytes = insert_signature(build_signed_file(fields, Buffer(32, 7)).value(), Buffer(64, 9));
    auto file = parse_signed_file(bytes);
    ASSERT_TRUE(file) << error_of(file);
    EXPECT_EQ(file->header.length % 4, 0u);
    ASSERT_TRUE(file->header.encryption);
    EXPECT_EQ(to_buffer(file->header.encryption->iv), iv);
    EXPECT_EQ(file->header.encryption->pad_length, 16);
    EXPECT_EQ(file->header.encryption->key_bits, key_size * 8);
    EXPECT_EQ(file->header.encryption->key_algorithm, kRsaPkcs1);
    EXPECT_EQ(to_buffer(file->header.encryption->encrypted_key), key);
    EXPECT_EQ(file->header.encryption->digest, Digest::sha256);
    EXPECT_EQ(to_buffer(file->header.encryption->digest_value), digest);
    EXPECT_EQ(file->content.size(), 32u);
  }
}

// Whatever the lengths of the names, the header with its signature ends on four bytes.
TEST(SignedFile, PadsTheHeaderToFourBytes) {
  static constexpr std::uint8_t kSerial[] = {1, 2, 3};
  const Buffer content = text("<x/>");
  for (std::size_t length = 1; length <= 8; ++length) {
    const std::string name(length, 'n');
    HeaderFields fields;
    fields.signer_name = fields.issuer_name = "CN=a";
    fields.serial = kSerial;
    fields.modulus_code = 1;
    fields.file_name = name;
    fields.timestamp = 77;
    auto written = build_signed_file(fields, content);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->signature_size, 128u);
    Buffer bytes = insert_signature(std::move(*written), Buffer(128, 9));
    auto file = parse_signed_file(bytes);
    ASSERT_TRUE(file) << error_of(file);
    EXPECT_EQ(file->header.length % 4, 0u);
    EXPECT_LT(file->header.padding, 4u);
    EXPECT_EQ(file->header.file_name, name);
    EXPECT_EQ(file->header.timestamp, 77u);
    EXPECT_EQ(as_text(file->content), "<x/>");
  }
}

TEST(SignedFile, ContentMayBeEmpty) {
  HeaderParts parts;
  parts.version = {1, 0};
  Buffer bytes = parts.file();
  auto file = parse_signed_file(bytes);
  ASSERT_TRUE(file) << error_of(file);
  EXPECT_TRUE(file->content.empty());
}

TEST(SignedFile, RefusesATrustList) {
  EXPECT_EQ(error_of(parse_signed_file(vector_file("sha1/ITLFile.tlv"))),
            "item 'version' at offset 0: is that of a trust list, not of a signed file");
}

TEST(SignedFile, WriterNamesAHeaderThatIsTooLong) {
  const std::string name(33000, 'n');
  HeaderFields fields;
  fields.signer_name = "CN=a";
  fields.issuer_name = fields.file_name = name;
  auto header_too_long = build_signed_file(fields, {});
  ASSERT_FALSE(header_too_long);
  EXPECT_NE(header_too_long.error().text.find("'header length'"), std::string::npos)
      << header_too_long.error().text;
  fields.signer_name = name;
  auto container_too_long = build_signed_file(fields, {});
  ASSERT_FALSE(container_too_long);
  EXPECT_NE(container_too_long.error().text.find("'signer info'"), std::string::npos)
      << container_too_long.error().text;
}

}  // namespace
}  // namespace anchord::wire
