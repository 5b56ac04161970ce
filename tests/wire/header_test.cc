#include "anchord/wire/header.h"

#include "samples.h"

namespace anchord::wire {
namespace {

using namespace test;

std::string error_in(const HeaderParts& parts) {
  return error_of(parse_header(parts.file()));
}

TEST(Header, ReadsEveryItemOfAVector) {
  Buffer file = vector_file("sha512/ITLFile.tlv");
  auto header = parse_header(file);
  ASSERT_TRUE(header) << error_of(header);
  EXPECT_EQ(header->version, kTrustListVersion);
  EXPECT_EQ(header->length, 496u);
  EXPECT_EQ(header->signer_version, (Version{1, 1}));
  EXPECT_EQ(header->signer_name,
            "C=US,ST=California,L=San Jose,O=Example Corp,OU=Voice,CN=cucm1.example.com");
  EXPECT_EQ(header->issuer_name, header->signer_name);
  EXPECT_EQ(to_hex(header->serial), "3e9d1cc562f586c9c183da69824026895d8d8e37");
  EXPECT_EQ(header->digest, Digest::sha512);
  EXPECT_EQ(header->signature_algorithm, 0);
  EXPECT_EQ(header->modulus_code, 2);
  EXPECT_EQ(header->signature.size(), 256u);
  EXPECT_EQ(header->signature_offset, 215u);
  EXPECT_EQ(header->file_name, "ITLFile.tlv");
  EXPECT_EQ(header->timestamp, 0x6b03be01u);
  EXPECT_EQ(header->padding, 0u);
  EXPECT_FALSE(header->encryption);
}

TEST(Header, SignedPartsAreAllButTheSignatureItem) {
  Buffer file = vector_file("sha1/ITLFile.tlv");
  auto header = parse_header(file);
  ASSERT_TRUE(header);
  SignedParts parts = signed_parts(file, *header);
  EXPECT_EQ(parts.before.size(), 215u);
  EXPECT_EQ(file[parts.before.size()], 12);
  EXPECT_EQ(parts.after.size(), file.size() - 215 - 3 - 256);
  EXPECT_EQ(parts.after[0], 14);
}

TEST(Header, ReadsHowAFileWasEncrypted) {
  Buffer file = vector_file("sha512/SEP001122334455.cnf.xml.enc.sgn");
  auto header = parse_header(file);
  ASSERT_TRUE(header) << error_of(header);
  EXPECT_EQ(header->version, kEncryptedFileVersion);
  EXPECT_EQ(header->padding, 1u);
  ASSERT_TRUE(header->encryption);
  EXPECT_EQ(to_hex(header->encryption->iv), "0dd7bb5dd3a4d1c01a4dc5f373094d93");
  EXPECT_EQ(header->encryption->pad_length, 13);
  EXPECT_EQ(header->encryption->key_bits, 2048);
  EXPECT_EQ(header->encryption->key_algorithm, 1);
  EXPECT_EQ(header->encryption->encrypted_key.size(), 256u);
  EXPECT_EQ(header->encryption->digest, Digest::sha512);
  EXPECT_EQ(header->encryption->digest_value.size(), 64u);
}

TEST(Header, TakesItemsInAnyOrder) {
  HeaderParts parts;
  parts.signer_info = item(15, {0, 0, 0, 9});
  parts.signature_info = join({{13}, name_item(14, "x"), item(12, Buffer(64, 1))});
  parts.signature = item(3, join({item(5, {7}), name_item(6, "i"), name_item(4, "s")}));
  parts.file_name = item(28, {1, 0});
  parts.timestamp = item(7, join({item(9, join({item(11, {0}), item(10, {0})})), item(8, {2})}));
  Buffer file = parts.file();
  auto header = parse_header(file);
  ASSERT_TRUE(header) << error_of(header);
  EXPECT_EQ(header->signer_name, "s");
  EXPECT_EQ(header->issuer_name, "i");
  EXPECT_EQ(header->digest, Digest::sha256);
  EXPECT_EQ(header->timestamp, 9u);
  EXPECT_EQ(header->padding, 1u);
  EXPECT_EQ(header->signature_offset, 10u + 7 + 1 + 5);
}

TEST(Header, ForgivesMoreNulsAfterAName) {
  HeaderParts parts;
  parts.file_name = item(14, {'a', 0, 0});
  Buffer file = parts.file();
  auto header = parse_header(file);
  ASSERT_TRUE(header) << error_of(header);
  EXPECT_EQ(header->file_name, "a");
}

TEST(Header, EveryTruncationNamesAnItemWithinTheInput) {
  for (const char* name : {"sha1/ITLFile.tlv", "sha1/SEP001122334455.cnf.xml.enc.sgn"}) {
    Buffer file = vector_file(name);
    std::size_t length = parse_header(file)->length;
    for (std::size_t size = 0; size < length; ++size) {
      auto header = parse_header(to_buffer(Bytes(file).first(size)));
      ASSERT_FALSE(header) << size;
      ASSERT_NE(header.error().item, nullptr);
      ASSERT_LE(header.error().offset, size);
    }
  }
}

// The header is as short as its length says, and its items are not.
TEST(Header, EveryShorterHeaderLengthIsAnError) {
  Buffer file = vector_file("sha1/ITLFile.tlv");
  std::size_t length = parse_header(file)->length;
  for (std::size_t shorter = 0; shorter < length; ++shorter) {
    file[8] = static_cast<std::uint8_t>(shorter >> 8);
    file[9] = static_cast<std::uint8_t>(shorter);
    ASSERT_FALSE(parse_header(file)) << shorter;
  }
}

TEST(Header, NamesAMissingItem) {
  HeaderParts whole;
  ASSERT_EQ(error_in(whole), "no error");
  HeaderParts parts = whole;
  parts.signer_info.clear();
  EXPECT_EQ(error_in(parts), "item 'signer info' at offset 111: is missing");
  parts = whole;
  parts.signer_info = item(3, join({name_item(4, "CN=a"), name_item(6, "CN=b")}));
  EXPECT_EQ(error_in(parts), "item 'serial number' at offset 29: is missing");
  parts = whole;
  parts.signature_info = item(7, item(8, {1}));
  EXPECT_EQ(error_in(parts), "item 'signature algorithm info' at offset 41: is missing");
  parts = whole;
  parts.signature.clear();
  EXPECT_EQ(error_in(parts), "item 'signature' at offset 68: is missing");
  parts = whole;
  parts.file_name.clear();
  EXPECT_EQ(error_in(parts), "item 'file name' at offset 126: is missing");
  parts = whole;
  parts.timestamp.clear();
  EXPECT_EQ(error_in(parts), "item 'timestamp' at offset 128: is missing");
}

TEST(Header, NamesARepeatedItem) {
  HeaderParts parts;
  const std::size_t end = parts.file().size();
  const std::string at = "' at offset " + std::to_string(end) + ": occurs twice";
  parts.more = parts.timestamp;
  EXPECT_EQ(error_in(parts), "item 'timestamp" + at);
  parts.more = parts.signer_info;
  EXPECT_EQ(error_in(parts), "item 'signer info" + at);
  parts.more = join({item(28, {1, 0}), item(28, {1, 0})});
  EXPECT_EQ(error_in(parts), "item 'signer version' at offset 140: occurs twice");
  parts = {};
  parts.signer_info = item(3, join({name_item(4, "a"), name_item(4, "a"), name_item(6, "b"), item(5, {1})}));
  EXPECT_EQ(error_in(parts), "item 'signer name' at offset 18: occurs twice");
}

TEST(Header, NamesAnItemOutsideItsContainer) {
  HeaderParts parts;
  parts.signer_info = join({item(3, join({name_item(4, "CN=a"), name_item(6, "CN=b")})), item(5, {1})});
  EXPECT_EQ(error_in(parts), "item 'serial number' at offset 29: is missing");
  parts = {};
  parts.more = item(5, {1});
  EXPECT_EQ(error_in(parts), "item 'serial number' at offset 135: is not where it must be");
  parts.more = item(1, {1, 2});
  EXPECT_EQ(error_in(parts), "item 'version' at offset 135: is not where it must be");
  parts.more = {};
  parts.signature_info[2] = 16;  // takes the signature's tag in
  EXPECT_EQ(error_in(parts), "item 'signature' at offset 52: is not where it must be");
  parts.signature_info[2] = 14;
  EXPECT_EQ(error_in(parts), "item 'signature algorithm info' at offset 41: runs past the end");
}

TEST(Header, NamesABadValue) {
  auto with = [](Buffer HeaderParts::* part, Buffer value) {
    HeaderParts parts;
    parts.*part = std::move(value);
    return error_in(parts);
  };
  EXPECT_EQ(with(&HeaderParts::version, {1, 1}), "item 'version' at offset 0: is none of 1.0, 1.2 and 2.0");
  EXPECT_EQ(with(&HeaderParts::timestamp, item(15, {1, 2, 3})),
            "item 'timestamp' at offset 128: has the wrong length");
  EXPECT_EQ(with(&HeaderParts::timestamp, item(15, {1, 2, 3, 4, 5})),
            "item 'timestamp' at offset 128: has the wrong length");
  EXPECT_EQ(with(&HeaderParts::file_name, item(14, {'a'})),
            "item 'file name' at offset 119: is not ended by a NUL");
  EXPECT_EQ(with(&HeaderParts::file_name, item(14, {'a', 0, 'b', 0})),
            "item 'file name' at offset 119: has a NUL inside");
  EXPECT_EQ(with(&HeaderParts::signature, item(12, Buffer(63, 1))),
            "item 'signature' at offset 52: is not as long as the modulus");
  auto info = [](std::uint8_t digest, std::uint8_t algorithm, std::uint8_t modulus) {
    return item(7, join({item(8, {digest}), item(9, join({item(10, {algorithm}), item(11, {modulus})}))}));
  };
  EXPECT_EQ(with(&HeaderParts::signature_info, info(4, 0, 0)),
            "item 'digest algorithm' at offset 37: is not known");
  EXPECT_EQ(with(&HeaderParts::signature_info, info(1, 1, 0)),
            "item 'signature algorithm' at offset 44: is not RSA");
  EXPECT_EQ(with(&HeaderParts::signature_info, info(1, 0, 4)),
            "item 'modulus size' at offset 48: is not known");
  EXPECT_EQ(with(&HeaderParts::signature_info, info(1, 0, 1)),
            "item 'signature' at offset 52: is not as long as the modulus");
  EXPECT_EQ(with(&HeaderParts::more, {0, 0, 0}), "item 'header item' at offset 135: has an unknown tag");
  EXPECT_EQ(with(&HeaderParts::more, {29, 0, 0}), "item 'header item' at offset 135: has an unknown tag");
  EXPECT_EQ(with(&HeaderParts::more, {255}), "item 'header item' at offset 135: has an unknown tag");
  EXPECT_EQ(with(&HeaderParts::more, {28, 0}), "item 'signer version' at offset 135: runs past the end");
  EXPECT_EQ(with(&HeaderParts::more, item(16, {})),
            "item 'encryption info' at offset 135: does not belong in a file of this version");
}

TEST(Header, NamesWhatIsWrongAtTheFront) {
  Buffer file = HeaderParts{}.file();
  auto with = [&](std::size_t at, std::uint8_t value) {
    Buffer changed = file;
    changed[at] = value;
    return error_of(parse_header(changed));
  };
  EXPECT_EQ(with(0, 2), "item 'version' at offset 0: is not where it must be");
  EXPECT_EQ(with(5, 3), "item 'header length' at offset 5: is not where it must be");
  EXPECT_EQ(with(7, 1), "item 'header length' at offset 5: has the wrong length");
  EXPECT_EQ(with(9, 9), "item 'header length' at offset 5: ends before itself");
  EXPECT_EQ(with(8, 0xff), "item 'header length' at offset 5: runs past the end");
  EXPECT_EQ(error_of(parse_header({})), "item 'version' at offset 0: runs past the end");
}

TEST(Header, NamesWhatIsWrongWithAnEncryption) {
  auto parts = [](Buffer iv, std::uint8_t pad, std::uint8_t key_bits, Buffer digest) {
    HeaderParts out;
    out.version = {2, 0};
    out.more = join({item(16, join({item(17, join({item(18, {0}), item(19, iv), item(20, {0, pad})})),
                                    item(21, join({item(22, {0}), item(23, {0, key_bits}), item(24, {1}),
                                                   item(25, Buffer(8, 7))}))})),
                     item(26, {1}), item(27, digest)});
    return out;
  };
  const Buffer iv(16, 1);
  const Buffer digest(20, 2);
  EXPECT_EQ(error_in(parts(iv, 16, 64, digest)), "no error");
  EXPECT_EQ(error_in(parts(Buffer(15, 1), 1, 64, digest)), "item 'IV' at offset 145: has the wrong length");
  EXPECT_EQ(error_in(parts(iv, 0, 64, digest)), "item 'pad length' at offset 164: is not within 1 to 16");
  EXPECT_EQ(error_in(parts(iv, 17, 64, digest)), "item 'pad length' at offset 164: is not within 1 to 16");
  EXPECT_EQ(error_in(parts(iv, 1, 72, digest)),
            "item 'encrypted key' at offset 185: is not as long as the key size says");
  EXPECT_EQ(error_in(parts(iv, 1, 64, Buffer(19, 2))),
            "item 'plain text digest' at offset 200: is not as long as its algorithm says");
  HeaderParts bare;
  bare.version = {2, 0};
  EXPECT_EQ(error_in(bare), "item 'encryption info' at offset 135: is missing");
  HeaderParts signer;
  signer.version = {1, 0};
  signer.more = item(28, {1, 0});
  EXPECT_EQ(error_in(signer),
            "item 'signer version' at offset 135: does not belong in a file of this version");
}

TEST(Header, ModulusCodes) {
  EXPECT_EQ(*modulus_code(64), 0);
  EXPECT_EQ(*modulus_code(128), 1);
  EXPECT_EQ(*modulus_code(256), 2);
  EXPECT_EQ(*modulus_code(512), 3);
  for (std::uint8_t code = 0; code < 4; ++code) EXPECT_EQ(*modulus_code(*modulus_size(code)), code);
  EXPECT_FALSE(modulus_size(4));
  auto odd = modulus_code(384);
  ASSERT_FALSE(odd);
  EXPECT_NE(odd.error().text.find("3072 bits"), std::string::npos) << odd.error().text;
  EXPECT_NE(odd.error().text.find("512, 1024, 2048 or 4096"), std::string::npos) << odd.error().text;
}

TEST(Header, RoleNames) {
  using enum Role;
  for (Role role : {sast, ccm, ccm_tftp, tftp, capf, app_server, tvs}) {
    EXPECT_EQ(role_from_name(role_name(role)), role);
  }
  EXPECT_EQ(role_name(ccm_tftp), "ccm+tftp");
  EXPECT_EQ(role_name(app_server), "app-server");
  EXPECT_EQ(role_name(static_cast<Role>(5)), "unknown");
  EXPECT_TRUE(is_known(tvs));
  EXPECT_FALSE(is_known(static_cast<Role>(5)));
  EXPECT_EQ(roles_text(std::vector{sast, static_cast<Role>(5)}), "sast,unknown 5");
  EXPECT_EQ(roles_text({}), "");
  EXPECT_EQ(role_choice(), "sast, ccm, ccm+tftp, tftp, capf, app-server or tvs");
  EXPECT_FALSE(role_from_name("unknown"));
  EXPECT_FALSE(role_from_name("SAST"));
  EXPECT_FALSE(role_from_name(""));
}

TEST(Header, Digests) {
  EXPECT_EQ(digest_name(Digest::sha256), "sha256");
  EXPECT_EQ(digest_size(Digest::sha1), 20u);
  EXPECT_EQ(digest_size(Digest::sha256), 32u);
  EXPECT_EQ(digest_size(Digest::sha512), 64u);
}

}  // namespace
}  // namespace anchord::wire
