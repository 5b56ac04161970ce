#include <gtest/gtest.h>

#include "anchord/base/hex.h"
#include "anchord/crypto/aes.h"
#include "test_files.h"

namespace anchord::crypto {
namespace {

template <class Fixed>
Fixed fixed(std::string_view hex) {
  Fixed out{};
  std::ranges::copy(from_hex(hex).value(), out.begin());
  return out;
}

// NIST SP 800-38A, F.2.1 and F.2.2.
TEST(Aes, CbcIsTheStandardsExample) {
  const auto key = fixed<AesKey>("2b7e151628aed2a6abf7158809cf4f3c");
  const auto iv = fixed<AesIv>("000102030405060708090a0b0c0d0e0f");
  const Buffer plain = from_hex(
                           "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
                           "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710")
                           .value();
  const Buffer cipher = from_hex(
                            "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2"
                            "73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7")
                            .value();
  Buffer blocks = plain;
  aes_cbc_encrypt(key, iv, blocks);
  EXPECT_EQ(blocks, cipher);
  aes_cbc_decrypt(key, iv, blocks);
  EXPECT_EQ(blocks, plain);
  aes_cbc_encrypt(key, iv, {});
  aes_cbc_decrypt(key, iv, {});
}

TEST(Encryption, OnlyTheCertificatesKeyDecrypts) {
  const Certificate& phone = test::certificate("phone");
  const Buffer secret(16, 7);
  Buffer encrypted = phone.encrypt(secret).value();
  EXPECT_EQ(encrypted.size(), 256U);
  EXPECT_NE(phone.encrypt(secret).value(), encrypted);
  auto decrypted = test::key("phone").decrypt(encrypted);
  ASSERT_TRUE(decrypted.has_value());
  EXPECT_TRUE(same_bytes(decrypted->bytes(), secret));
  EXPECT_FALSE(test::key("tftp").decrypt(encrypted));
  EXPECT_FALSE(test::key("app-ec").decrypt(encrypted));
}

TEST(Encryption, DecryptsEveryLengthThatFits) {
  const Certificate& phone = test::certificate("phone");
  constexpr std::size_t kLongest = 256 - 11;
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, kLongest}) {
    const Buffer secret(size, 7);
    auto decrypted = test::key("phone").decrypt(phone.encrypt(secret).value());
    ASSERT_TRUE(decrypted.has_value()) << size;
    EXPECT_TRUE(same_bytes(decrypted->bytes(), secret)) << size;
  }
  auto too_long = phone.encrypt(Buffer(kLongest + 1, 7));
  ASSERT_FALSE(too_long.has_value());
  EXPECT_TRUE(too_long.error().text.starts_with("encrypting to an RSA key of 2048 bits failed: "))
      << too_long.error().text;
}

TEST(Encryption, WrongLengthsAreNoSecret) {
  Buffer encrypted = test::certificate("phone").encrypt(Buffer(16, 7)).value();
  const PrivateKey key = test::key("phone");
  EXPECT_FALSE(key.decrypt({}));
  EXPECT_FALSE(key.decrypt(Bytes(encrypted).first(255)));
  EXPECT_FALSE(key.decrypt(Buffer(256, 0xff)));
  encrypted.push_back(0);
  EXPECT_FALSE(key.decrypt(encrypted));
}

TEST(Encryption, EcKeysCannot) {
  auto result = test::certificate("app-ec").encrypt(Buffer(16, 7));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().text, "nothing can be encrypted to an EC key: use a certificate with an RSA key");
}

}  // namespace
}  // namespace anchord::crypto
