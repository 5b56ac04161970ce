#include "anchord/trust/encrypted_file.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/crypto/aes.h"
#include "anchord/crypto/digest.h"
#include "anchord/crypto/random.h"
#include "anchord/crypto/secret.h"
#include "anchord/wire/signed_file.h"
#include "signing.h"

namespace anchord::trust {
namespace {

using wire::kCipherBlock;

// Always one byte at least: a content of whole blocks gets another block.
std::size_t pad_length(Bytes plain) {
  return kCipherBlock - plain.size() % kCipherBlock;
}

std::optional<ContentKey> recover_key(const wire::Encryption& encryption,
                                      const crypto::PrivateKey& device_key) {
  auto secret = device_key.decrypt(encryption.encrypted_key);
  ContentKey out;
  if (!secret || secret->bytes().size() != out.key.size()) return {};
  std::ranges::copy(secret->bytes(), out.key.begin());
  std::ranges::copy(encryption.iv, out.iv.begin());
  return out;
}

// Takes the padding away; false when padding or digest are not what was encrypted.
bool unpad(Buffer& content, const wire::Encryption& encryption) {
  auto pad = Bytes(content).last(encryption.pad_length);
  if (!std::ranges::all_of(pad, [](std::uint8_t byte) { return byte == wire::kPadByte; })) return false;
  content.resize(content.size() - encryption.pad_length);
  return same_bytes(crypto::digest(to_crypto(encryption.digest), content), encryption.digest_value);
}

}  // namespace

ContentKey ContentKey::random() {
  ContentKey out;
  crypto::fill_random(out.key);
  crypto::fill_random(out.iv);
  return out;
}

ContentKey::~ContentKey() {
  crypto::wipe(key);
  crypto::wipe(iv);
}

Status can_encrypt_to(const crypto::Certificate& device) {
  auto cannot = [&](std::string_view why) {
    return fail(fmt::format("nothing can be encrypted to '{}': {}", device.subject().to_vendor(), why));
  };
  if (device.key_type() != crypto::KeyType::rsa) {
    return cannot(
        fmt::format("its key is {}, and phones decrypt files with an RSA key: use its RSA certificate",
                    device.key_type() == crypto::KeyType::ec ? "EC" : "not RSA"));
  }
  if (device.key_bits() < kMinDeviceKeyBits) {
    return cannot(
        fmt::format("its RSA key has {} bits, and less than {} protect nothing: "
                    "give the phone a new certificate",
                    device.key_bits(), kMinDeviceKeyBits));
  }
  return {};
}

Result<EncryptedFile> encrypt_file(std::string_view name, Bytes plain, const crypto::Certificate& device,
                                   const ContentKey& key, const Identity& signer,
                                   const SigningSettings& signing, UnixSeconds timestamp) {
  ANCHORD_TRY(can_encrypt_to(device));
  ANCHORD_TRY_ASSIGN(auto encrypted_key, device.encrypt(key.key));
  Buffer plain_digest = crypto::digest(to_crypto(signing.digest), plain);
  wire::Encryption encryption{.iv = key.iv,
                              .pad_length = static_cast<std::uint16_t>(pad_length(plain)),
                              .key_bits = static_cast<std::uint16_t>(encrypted_key.size() * 8),
                              .encrypted_key = encrypted_key,
                              .digest = signing.digest,
                              .digest_value = plain_digest};
  Buffer content = encrypt_content(plain, key);
  ANCHORD_TRY_ASSIGN(auto header, file_header(name, content, encryption, signer, signing, timestamp));
  return EncryptedFile{std::move(header), std::move(content)};
}

Buffer encrypt_content(Bytes plain, const ContentKey& key) {
  Buffer out;
  out.reserve(plain.size() + kCipherBlock);
  out.assign(plain.begin(), plain.end());
  out.resize(plain.size() + pad_length(plain), wire::kPadByte);
  crypto::aes_cbc_encrypt(key.key, key.iv, out);
  return out;
}

Result<Buffer> decrypt_file(Bytes file, const crypto::PrivateKey& device_key) {
  auto parsed = wire::parse_signed_file(file);
  if (!parsed) return std::unexpected(parsed.error().error());
  if (!parsed->header.encryption) return fail("it is signed but not encrypted: strip it instead");
  if (device_key.key_type() != crypto::KeyType::rsa) {
    return fail("an EC key decrypts no file: give the RSA key of the phone that it was encrypted to");
  }
  const wire::Encryption& encryption = *parsed->header.encryption;
  if (auto key = recover_key(encryption, device_key)) {
    Buffer content = to_buffer(parsed->content);
    crypto::aes_cbc_decrypt(key->key, key->iv, content);
    if (unpad(content, encryption)) return content;
  }
  return fail("this key does not decrypt it: it was encrypted to another key, or is damaged");
}

}  // namespace anchord::trust
