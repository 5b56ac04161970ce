#include "anchord/crypto/aead.h"

#include <openssl/aead.h>
#include <openssl/err.h>

#include <cassert>

namespace anchord::crypto {

struct Aead::Impl {
  bssl::ScopedEVP_AEAD_CTX context;
};

Aead::Aead(Bytes key) : impl_(std::make_unique<Impl>()) {
  assert(key.size() == kAeadKey);
  [[maybe_unused]] int ok = EVP_AEAD_CTX_init(impl_->context.get(), EVP_aead_aes_256_gcm(), key.data(),
                                              key.size(), kAeadTag, nullptr);
  assert(ok == 1);
}

Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;
Aead::~Aead() = default;

void Aead::seal(const AeadNonce& nonce, Bytes in_the_clear, MutableBytes room) const {
  assert(room.size() >= kAeadTag);
  std::size_t size = 0;
  [[maybe_unused]] int ok =
      EVP_AEAD_CTX_seal(impl_->context.get(), room.data(), &size, room.size(), nonce.data(), nonce.size(),
                        room.data(), room.size() - kAeadTag, in_the_clear.data(), in_the_clear.size());
  assert(ok == 1 && size == room.size());
}

bool Aead::open(const AeadNonce& nonce, Bytes in_the_clear, MutableBytes room) const {
  std::size_t size = 0;
  int ok =
      EVP_AEAD_CTX_open(impl_->context.get(), room.data(), &size, room.size(), nonce.data(), nonce.size(),
                        room.data(), room.size(), in_the_clear.data(), in_the_clear.size());
  ERR_clear_error();
  return ok == 1;
}

}  // namespace anchord::crypto
