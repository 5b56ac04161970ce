// Keys from passphrases, and what is sealed with them.
#include <gtest/gtest.h>

#include "anchord/base/hex.h"
#include "anchord/crypto/aead.h"
#include "anchord/crypto/scrypt.h"

namespace anchord::crypto {
namespace {

std::string scrypt_hex(std::string_view passphrase, std::string_view salt, ScryptCost cost) {
  auto key = scrypt(as_bytes(passphrase), as_bytes(salt), cost, 64);
  return key ? to_hex(key->bytes()) : key.error().text;
}

// RFC 7914, section 12, but for the last, which takes a gigabyte; the one with N=16, r=1, p=1
// has an empty passphrase.
TEST(Scrypt, IsTheStandardsExamples) {
  EXPECT_EQ(scrypt_hex("", "", {4, 1, 1}),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  EXPECT_EQ(scrypt_hex("password", "NaCl", {10, 8, 16}),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  EXPECT_EQ(scrypt_hex("pleaseletmein", "SodiumChloride", {14, 8, 1}),
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

TEST(Scrypt, TakesTheUsualCost) {
  EXPECT_TRUE(scrypt(as_bytes("passphrase"), as_bytes("salt"), kScryptCost, kAeadKey));
}

TEST(Scrypt, RefusesACostThatIsNoneOrTooHigh) {
  for (ScryptCost cost :
       {ScryptCost{0, 8, 1}, ScryptCost{17, 0, 1}, ScryptCost{17, 8, 0}, ScryptCost{19, 8, 1},
        ScryptCost{32, 1, 1}, ScryptCost{64, 1, 1}, ScryptCost{255, 255, 255}, ScryptCost{17, 17, 1},
        ScryptCost{14, 255, 1}, ScryptCost{17, 8, 9}, ScryptCost{10, 64, 255}}) {
    auto key = scrypt(as_bytes("passphrase"), as_bytes("salt"), cost, kAeadKey);
    ASSERT_FALSE(key) << cost.log2_n << ' ' << cost.r << ' ' << cost.p;
    EXPECT_NE(key.error().text.find("scrypt"), std::string::npos);
  }
}

Buffer hex(std::string_view text) {
  return from_hex(text).value();
}

struct GcmVector {
  const char *key, *nonce, *clear, *plain, *sealed;
};

// "The Galois/Counter Mode of Operation", appendix B, cases 13 to 16.
const GcmVector kVectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

AeadNonce nonce_of(std::string_view text) {
  AeadNonce nonce{};
  std::ranges::copy(hex(text), nonce.begin());
  return nonce;
}

TEST(Aead, IsTheStandardsExamples) {
  for (const GcmVector& vector : kVectors) {
    Aead aead(hex(vector.key));
    Buffer plain = hex(vector.plain), room = plain;
    room.resize(plain.size() + kAeadTag);
    aead.seal(nonce_of(vector.nonce), hex(vector.clear), room);
    EXPECT_EQ(to_hex(room), vector.sealed);
    ASSERT_TRUE(aead.open(nonce_of(vector.nonce), hex(vector.clear), room));
    room.resize(plain.size());
    EXPECT_EQ(room, plain);
  }
}

TEST(Aead, NoticesEveryChange) {
  const GcmVector& vector = kVectors[3];
  Aead aead(hex(vector.key));
  const Buffer sealed = hex(vector.sealed), clear = hex(vector.clear);
  const AeadNonce nonce = nonce_of(vector.nonce);
  auto opens = [&](Buffer room, Buffer with, AeadNonce number) { return aead.open(number, with, room); };
  EXPECT_TRUE(opens(sealed, clear, nonce));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Buffer changed = sealed;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(opens(changed, clear, nonce)) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(opens({sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(size)}, clear, nonce));
  Buffer other_clear = clear;
  other_clear[0] ^= 1;
  EXPECT_FALSE(opens(sealed, other_clear, nonce));
  EXPECT_FALSE(opens(sealed, {}, nonce));
  AeadNonce other_nonce = nonce;
  other_nonce.back() ^= 1;
  EXPECT_FALSE(opens(sealed, clear, other_nonce));
  Buffer key = hex(vector.key);
  key[31] ^= 1;
  Buffer room = sealed;
  EXPECT_FALSE(Aead(key).open(nonce, clear, room));
}

}  // namespace
}  // namespace anchord::crypto
