// Encrypted provisioning files (NAME.enc.sgn) and the plain file that goes with them.
//
// The content is AES-128-CBC under a key of its own, which the header holds under
// the phone's RSA key; the header is signed as that of any signed file. Errors name
// the file or the device and the remedy. Source: the phones' formats, docs/formats.md.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"
#include "anchord/trust/cluster.h"

namespace anchord::trust {

// Shorter keys are broken by anybody who wants the passwords in a configuration.
constexpr unsigned kMinDeviceKeyBits = 1024;

// What a content is encrypted with. Never used for a second content: the start of
// one that has not changed would show. Wiped at its end.
struct ContentKey {
  std::array<std::uint8_t, 16> key{};
  std::array<std::uint8_t, 16> iv{};

  static ContentKey random();

  ContentKey() = default;
  ContentKey(const ContentKey&) = default;
  ContentKey& operator=(const ContentKey&) = default;
  ~ContentKey();
};

struct EncryptedFile {
  Buffer header;
  Buffer content;  // the cipher text
};

// Fails, saying why, when the device's key is not RSA or too short.
Status can_encrypt_to(const crypto::Certificate& device);

// `name` is the encrypted file's own, with `.enc.sgn`. Each header is another one for
// the same input (PKCS #1 pads with random bytes); the content is encrypt_content()'s.
Result<EncryptedFile> encrypt_file(std::string_view name, Bytes plain, const crypto::Certificate& device,
                                   const ContentKey& key, const Identity& signer,
                                   const SigningSettings& signing, UnixSeconds timestamp);

// The cipher text alone, the same bytes each time: a header made earlier with this key
// stays valid for it.
Buffer encrypt_content(Bytes plain, const ContentKey& key);

// The plain content of a header and content, whoever signed it. A wrong key and a
// damaged file fail with the same text.
Result<Buffer> decrypt_file(Bytes file, const crypto::PrivateKey& device_key);

// What a phone may read before it decrypts the rest: `<device>` with the elements that
// hold no secret, in UTF-8. Fails when `plain_config` is not well-formed or its root
// element is not `<device>`.
Result<Buffer> reduced_config(Bytes plain_config, const crypto::Certificate& device);

}  // namespace anchord::trust
