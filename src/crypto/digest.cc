#include "anchord/crypto/digest.h"

#include <openssl/err.h>
#include <openssl/md5.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cassert>

#include "anchord/crypto/random.h"
#include "anchord/crypto/secret.h"
#include "boringssl.h"

namespace anchord::crypto {

const EVP_MD* evp_digest(Digest kind) {
  switch (kind) {
    case Digest::sha1:
      return EVP_sha1();
    case Digest::sha256:
      return EVP_sha256();
    case Digest::sha512:
      return EVP_sha512();
  }
  assert(false);
  return nullptr;
}

std::string take_library_error() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "no reason given";
}

Buffer digest(Digest kind, Bytes data) {
  const EVP_MD* md = evp_digest(kind);
  Buffer out(EVP_MD_size(md));
  [[maybe_unused]] int ok = EVP_Digest(data.data(), data.size(), out.data(), nullptr, md, nullptr);
  assert(ok == 1);
  return out;
}

Sha256 sha256(std::span<const Bytes> parts) {
  Sha256 out;
  SHA256_CTX context;
  SHA256_Init(&context);
  for (Bytes part : parts) SHA256_Update(&context, part.data(), part.size());
  SHA256_Final(out.data(), &context);
  return out;
}

Sha256 sha256(Bytes data) {
  return sha256(std::span(&data, 1));
}

std::array<std::uint8_t, 16> md5(Bytes data) {
  std::array<std::uint8_t, 16> out;
  MD5(data.data(), data.size(), out.data());
  return out;
}

void fill_random(MutableBytes room) {
  RAND_bytes(room.data(), room.size());
}

void wipe(MutableBytes room) {
  OPENSSL_cleanse(room.data(), room.size());
}

bool is_same_secret(Bytes given, Bytes secret) {
  return given.size() == secret.size() && CRYPTO_memcmp(given.data(), secret.data(), secret.size()) == 0;
}

}  // namespace anchord::crypto
