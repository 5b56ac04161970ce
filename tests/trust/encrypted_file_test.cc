#include "anchord/trust/encrypted_file.h"

#include <algorithm>

#include "anchord/trust/signed_file.h"
#include "anchord/wire/signed_file.h"
#include "device_keys.h"

namespace anchord::trust {
namespace {

constexpr char kName[] = "SEP001122334455.cnf.xml.enc.sgn";
constexpr std::string_view kNotThisKey =
    "this key does not decrypt it: it was encrypted to another key, or is damaged";

crypto::PrivateKey phone_key() {
  return *vector_identity("phone").key;
}

Buffer whole(const EncryptedFile& file) {
  Buffer out = file.header;
  out.insert(out.end(), file.content.begin(), file.content.end());
  return out;
}

// What the vector was encrypted with, as the phone finds it.
ContentKey content_key(const wire::Encryption& encryption) {
  ContentKey out;
  auto key = phone_key().decrypt(encryption.encrypted_key);
  std::ranges::copy(key.value().bytes(), out.key.begin());
  std::ranges::copy(encryption.iv, out.iv.begin());
  return out;
}

class EncryptedVector : public testing::TestWithParam<std::string> {
 protected:
  Buffer file_ = vector_file(GetParam() + "/" + kName);
  Buffer plain_ = vector_file("SEP001122334455.cnf.xml");
};
INSTANTIATE_TEST_SUITE_P(Digests, EncryptedVector, testing::Values("sha1", "sha512"),
                         [](const auto& about) { return about.param; });

TEST_P(EncryptedVector, IsDecrypted) {
  auto plain = decrypt_file(file_, phone_key());
  ASSERT_TRUE(plain) << plain.error().text;
  EXPECT_EQ(as_text(*plain), as_text(plain_));
}

// All but the encrypted key, which is another one each time, and so the signature.
TEST_P(EncryptedVector, IsMadeByteForByte) {
  auto theirs = wire::parse_signed_file(file_).value();
  ContentKey key = content_key(*theirs.header.encryption);
  EXPECT_TRUE(same_bytes(encrypt_content(plain_, key), theirs.content));

  auto made = encrypt_file(kName, plain_, vector_certificate("phone"), key, vector_identity("tftp"),
                           vector_signing(GetParam()), theirs.header.timestamp);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_TRUE(same_bytes(made->content, theirs.content));
  Buffer bytes = whole(*made);
  ASSERT_TRUE(verify_signed_file(bytes, vector_certificate("tftp")));
  auto ours = wire::parse_signed_file(bytes).value();
  auto unsigned_like_theirs = [&](const wire::Header& header) {
    wire::HeaderFields fields = header;
    fields.encryption->encrypted_key = theirs.header.encryption->encrypted_key;
    return wire::build_signed_file(fields, ours.content).value().bytes;
  };
  EXPECT_EQ(unsigned_like_theirs(ours.header), unsigned_like_theirs(theirs.header));
  EXPECT_EQ(bytes.size(), file_.size());
}

// With the vector's own encrypted key, the signature is the vector's too.
TEST_P(EncryptedVector, IsSignedByteForByte) {
  auto theirs = wire::parse_signed_file(file_).value();
  auto again = wire::build_signed_file(theirs.header, theirs.content).value();
  crypto::Digest digest = GetParam() == "sha1" ? crypto::Digest::sha1 : crypto::Digest::sha512;
  const Bytes parts[] = {again.bytes};
  Buffer signature = vector_identity("tftp").key->sign(digest, parts).value();
  EXPECT_TRUE(same_bytes(wire::insert_signature(std::move(again), signature), file_));
}

TEST_P(EncryptedVector, IsRefusedAfterAnySingleByteIsChanged) {
  crypto::Certificate signer = vector_certificate("tftp");
  for (std::size_t i = 0; i < file_.size(); ++i) {
    file_[i] ^= 0x20;
    ASSERT_FALSE(verify_signed_file(file_, signer)) << "byte " << i;
    file_[i] ^= 0x20;
  }
  EXPECT_TRUE(verify_signed_file(file_, signer));
}

// Decryption does not look at the signature; it notices what changes the content.
TEST_P(EncryptedVector, IsNotDecryptedAfterAnyByteOfTheEncryptionIsChanged) {
  const crypto::PrivateKey key = phone_key();
  auto parsed = wire::parse_signed_file(file_).value();
  auto encrypted_key =
      static_cast<std::size_t>(parsed.header.encryption->encrypted_key.data() - file_.data());
  auto iv = static_cast<std::size_t>(parsed.header.encryption->iv.data() - file_.data());
  auto digest = static_cast<std::size_t>(parsed.header.encryption->digest_value.data() - file_.data());
  auto refused = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      file_[i] ^= 0x20;
      auto plain = decrypt_file(file_, key);
      ASSERT_FALSE(plain) << "byte " << i;
      ASSERT_EQ(plain.error().text, kNotThisKey) << "byte " << i;
      file_[i] ^= 0x20;
    }
  };
  refused(iv, iv + 16);
  refused(encrypted_key, encrypted_key + 256);
  refused(digest, digest + parsed.header.encryption->digest_value.size());
  refused(parsed.header.length, file_.size());
  EXPECT_TRUE(decrypt_file(file_, key));
}

TEST_P(EncryptedVector, IsNotDecryptedWithAnotherPadLength) {
  auto parsed = wire::parse_signed_file(file_).value();
  std::size_t pad_at = static_cast<std::size_t>(parsed.header.encryption->iv.data() - file_.data()) + 16 + 4;
  ASSERT_EQ(file_[pad_at], 13);
  for (std::uint8_t pad = 0; pad <= 17; ++pad) {
    if (pad == 13) continue;
    file_[pad_at] = pad;
    EXPECT_FALSE(decrypt_file(file_, phone_key())) << int{pad};
  }
}

TEST_P(EncryptedVector, EveryShorterFileIsRefused) {
  for (std::size_t size = 0; size < file_.size(); ++size) {
    ASSERT_FALSE(decrypt_file(Bytes(file_).first(size), phone_key())) << size;
  }
}

TEST_P(EncryptedVector, IsDecryptedWithItsKeyOnly) {
  EXPECT_EQ(decrypt_file(file_, *vector_identity("tftp").key).error().text, kNotThisKey);
  EXPECT_EQ(decrypt_file(file_, key_of(kRsa1024)).error().text, kNotThisKey);
  expect_error(decrypt_file(file_, *vector_identity("app-ec").key).error(), {"EC key", "RSA key"});
}

TEST(DecryptFile, NeedsAnEncryptedFile) {
  expect_error(decrypt_file(vector_file("sha1/SEP001122334455.cnf.xml.sgn"), phone_key()).error(),
               {"not encrypted", "strip"});
  expect_error(decrypt_file(vector_file("sha1/ITLFile.tlv"), phone_key()).error(), {"trust list"});
  expect_error(decrypt_file(vector_file("SEP001122334455.cnf.xml"), phone_key()).error(), {"'version'"});
  EXPECT_FALSE(decrypt_file({}, phone_key()));
}

// Whoever made the padding wrong learns no more than who has the wrong key.
TEST(DecryptFile, ChecksEveryPadByte) {
  ContentKey key = ContentKey::random();
  const Buffer plain(3, 'x');
  EncryptedFile file =
      encrypt_file(kName, plain, vector_certificate("phone"), key, vector_identity("tftp"), {}, 7).value();
  ASSERT_TRUE(decrypt_file(whole(file), phone_key()));
  for (std::size_t i = 3; i < 16; ++i) {
    // In the first block of CBC, what is changed in the IV is changed in the plain text.
    EncryptedFile changed = file;
    auto iv = std::ranges::search(changed.header, key.iv).begin();
    iv[static_cast<std::ptrdiff_t>(i)] ^= 1;
    auto plain_again = decrypt_file(whole(changed), phone_key());
    ASSERT_FALSE(plain_again) << i;
    EXPECT_EQ(plain_again.error().text, kNotThisKey);
  }
}

TEST(EncryptFile, KeepsEveryLength) {
  Identity signer = vector_identity("tftp");
  for (std::size_t size : {0, 1, 15, 16, 17, 31, 32, 33, 4096, 10'000'000}) {
    Buffer plain(size);
    for (std::size_t i = 0; i < size; ++i) plain[i] = static_cast<std::uint8_t>(i * 7);
    auto file = encrypt_file(kName, plain, vector_certificate("phone"), ContentKey::random(), signer, {}, 7);
    ASSERT_TRUE(file) << file.error().text;
    Buffer bytes = whole(*file);
    auto verified = verify_signed_file(bytes, signer.certificate);
    ASSERT_TRUE(verified) << verified.error().text;
    EXPECT_EQ(verified->header.file_name, kName);
    EXPECT_EQ(verified->header.encryption->pad_length, 16 - size % 16);
    EXPECT_EQ(file->content.size(), size + 16 - size % 16);
    auto again = decrypt_file(bytes, phone_key());
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_TRUE(*again == plain) << size;
  }
}

TEST(EncryptFile, TakesDeviceKeysOfEverySize) {
  Identity signer = vector_identity("tftp");
  const Buffer plain = vector_file("SEP001122334455.cnf.xml");
  for (const crypto::PrivateKey& key :
       {key_of(kRsa1024), phone_key(), crypto::PrivateKey::generate(crypto::KeyKind::rsa4096).value()}) {
    auto file = encrypt_file(kName, plain, certificate_of(key), ContentKey::random(), signer, {}, 7);
    ASSERT_TRUE(file) << file.error().text;
    Buffer bytes = whole(*file);
    EXPECT_EQ(wire::parse_header(bytes)->encryption->key_bits, key.key_bits());
    auto again = decrypt_file(bytes, key);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(*again, plain);
    EXPECT_EQ(decrypt_file(bytes, *signer.key).error().text, kNotThisKey);
  }
}

TEST(EncryptFile, NeedsADeviceThatCanDecrypt) {
  EXPECT_TRUE(can_encrypt_to(vector_certificate("phone")));
  EXPECT_TRUE(can_encrypt_to(certificate_of(key_of(kRsa1024))));
  auto refused = [](const crypto::Certificate& device, std::initializer_list<std::string_view> says) {
    auto possible = can_encrypt_to(device);
    ASSERT_FALSE(possible);
    expect_error(possible.error(), says);
    auto file = encrypt_file(kName, {}, device, {}, vector_identity("tftp"), {}, 7);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().text, possible.error().text);
  };
  refused(vector_certificate("app-ec"), {"CN=", "its key is EC", "RSA"});
  refused(certificate_of(key_of(kRsa1016)), {"CN=SEP001122334455", "1016 bits", "1024", "new certificate"});
  refused(certificate_of(key_of(kRsa512)), {"512 bits"});
}

TEST(EncryptFile, NeedsAnRsaSignerWithItsKey) {
  crypto::Certificate phone = vector_certificate("phone");
  expect_error(encrypt_file("a.enc.sgn", {}, phone, {}, vector_identity("app-ec"), {}, 7).error(),
               {"a.enc.sgn", "RSA"});
  expect_error(encrypt_file("a.enc.sgn", {}, phone, {}, {vector_certificate("tftp"), {}}, {}, 7).error(),
               {"not at hand"});
}

// What a cache relies on: the header goes with the content of its own key only.
TEST(EncryptFile, AKeptHeaderStaysGoodForTheContentMadeAgain) {
  crypto::Certificate signer = vector_certificate("tftp");
  const Buffer plain = vector_file("SEP001122334455.cnf.xml");
  ContentKey key = ContentKey::random();
  EncryptedFile first =
      encrypt_file(kName, plain, vector_certificate("phone"), key, vector_identity("tftp"), {}, 7).value();
  EncryptedFile second =
      encrypt_file(kName, plain, vector_certificate("phone"), key, vector_identity("tftp"), {}, 7).value();
  EXPECT_NE(first.header, second.header);
  EXPECT_EQ(first.content, second.content);
  EXPECT_TRUE(verify_header(kName, first.header, encrypt_content(plain, key), signer));
  EXPECT_FALSE(verify_header(kName, first.header, encrypt_content(plain, ContentKey::random()), signer));
  EXPECT_FALSE(verify_header("SEP001122334455.cnf.xml.sgn", first.header, first.content, signer));
}

TEST(ContentKey, IsAnotherEachTime) {
  ContentKey a = ContentKey::random();
  ContentKey b = ContentKey::random();
  EXPECT_NE(a.key, b.key);
  EXPECT_NE(a.iv, b.iv);
  EXPECT_NE(a.key, a.iv);
}

}  // namespace
}  // namespace anchord::trust
