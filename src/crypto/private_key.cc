#include "anchord/crypto/private_key.h"

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cassert>

#include "boringssl.h"

namespace anchord::crypto {
namespace {

// Takes the place of the library's own, which asks the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

bssl::UniquePtr<EVP_PKEY> parse_der(Bytes data) {
  const std::uint8_t* at = data.data();
  bssl::UniquePtr<EVP_PKEY> key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(data.size())));
  if (key != nullptr && at != data.data() + data.size()) key.reset();
  return key;
}

// A byte order mark in front is no part of the first line.
bssl::UniquePtr<EVP_PKEY> parse_pem(Bytes data) {
  data = data.subspan(std::min(as_text(data).find("-----BEGIN "), data.size()));
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(data.data(), static_cast<int>(data.size())));
  return bssl::UniquePtr<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
}

bssl::UniquePtr<EVP_PKEY> generate_rsa(int bits) {
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bool ok = BN_set_word(exponent.get(), RSA_F4) == 1 &&
            RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr) == 1 &&
            EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1;
  if (!ok) key.reset();
  return key;
}

bssl::UniquePtr<EVP_PKEY> generate_p256() {
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  if (EC_KEY_generate_key(ec.get()) != 1 || EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) != 1) key.reset();
  return key;
}

bssl::UniquePtr<EVP_PKEY> generate_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::rsa2048:
      return generate_rsa(2048);
    case KeyKind::rsa4096:
      return generate_rsa(4096);
    case KeyKind::p256:
      return generate_p256();
  }
  assert(false);
  return nullptr;
}

}  // namespace

Result<PrivateKey> PrivateKey::from_pem_or_der(Bytes data) {
  if (as_text(data).contains("ENCRYPTED")) {
    return fail("the private key is under a passphrase: decrypt it first, as with 'openssl pkey'");
  }
  bool der = looks_like_der(data);
  bssl::UniquePtr<EVP_PKEY> key = der ? parse_der(data) : parse_pem(data);
  std::string reason = take_library_error();
  if (key == nullptr && Certificate::all_from(data))
    return fail("not a private key but a certificate: give the key that belongs to it");
  if (key == nullptr) return fail(fmt::format("not a private key in PEM or DER ({})", reason));
  int type = EVP_PKEY_id(key.get());
  if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC) return fail("unsupported private key: use RSA or EC");
  return PrivateKey(std::make_shared<Impl>(std::move(key)));
}

Result<PrivateKey> PrivateKey::generate(KeyKind kind) {
  bssl::UniquePtr<EVP_PKEY> key = generate_key(kind);
  std::string reason = take_library_error();
  if (key == nullptr) return fail(fmt::format("making a private key failed: {}", reason));
  return PrivateKey(std::make_shared<Impl>(std::move(key)));
}

Secret PrivateKey::to_pem() const {
  // The BIO's memory is wiped by the library when it is freed or grows.
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  [[maybe_unused]] int ok =
      PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  assert(ok == 1);
  const std::uint8_t* content = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(bio.get(), &content, &size);
  return Secret(Buffer(content, content + size));
}

KeyType PrivateKey::key_type() const {
  return EVP_PKEY_id(impl_->key.get()) == EVP_PKEY_RSA ? KeyType::rsa : KeyType::ec;
}

unsigned PrivateKey::key_bits() const {
  return static_cast<unsigned>(EVP_PKEY_bits(impl_->key.get()));
}

bool PrivateKey::matches(const Certificate& certificate) const {
  if (certificate.impl().key == nullptr) return false;
  bool same = EVP_PKEY_cmp(impl_->key.get(), certificate.impl().key.get()) == 1;
  ERR_clear_error();
  return same;
}

Result<Buffer> PrivateKey::sign(Digest digest, std::span<const Bytes> parts) const {
  if (key_type() != KeyType::rsa) return fail("an EC key cannot sign for phones: use an RSA key");
  bssl::ScopedEVP_MD_CTX context;
  bool ok = EVP_DigestSignInit(context.get(), nullptr, evp_digest(digest), nullptr, impl_->key.get()) == 1;
  for (Bytes part : parts) ok = ok && EVP_DigestSignUpdate(context.get(), part.data(), part.size()) == 1;
  Buffer out(static_cast<std::size_t>(EVP_PKEY_size(impl_->key.get())));
  std::size_t size = out.size();
  ok = ok && EVP_DigestSignFinal(context.get(), out.data(), &size) == 1;
  std::string reason = take_library_error();
  if (!ok) return fail(fmt::format("signing failed: {}", reason));
  out.resize(size);
  return out;
}

std::optional<Secret> PrivateKey::decrypt(Bytes encrypted) const {
  if (key_type() != KeyType::rsa) return {};
  RSA* rsa = EVP_PKEY_get0_RSA(impl_->key.get());
  Buffer out(RSA_size(rsa));
  std::size_t size = 0;
  bool ok = RSA_decrypt(rsa, &size, out.data(), out.size(), encrypted.data(), encrypted.size(),
                        RSA_PKCS1_PADDING) == 1;
  ERR_clear_error();
  if (!ok) return {};
  out.resize(size);
  return Secret(std::move(out));
}

}  // namespace anchord::crypto
