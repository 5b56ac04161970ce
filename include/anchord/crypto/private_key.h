// Private keys: read, made, and used to sign and to decrypt. A handle on one
// immutable object, wiped from memory when the last copy ends; copies may be used
// from several threads.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/digest.h"
#include "anchord/crypto/secret.h"

namespace anchord::crypto {

enum class KeyKind { rsa2048, rsa4096, p256 };

class PrivateKey {
 public:
  // PKCS #8, PKCS #1 (RSA) or SEC 1 (EC), PEM or DER. A key under a passphrase is
  // an error that says so. The caller wipes `data`.
  static Result<PrivateKey> from_pem_or_der(Bytes data);
  static Result<PrivateKey> generate(KeyKind kind);

  // PKCS #8, not encrypted: for a file of mode 0600 and for nothing else.
  Secret to_pem() const;

  KeyType key_type() const;
  unsigned key_bits() const;
  bool matches(const Certificate& certificate) const;

  // RSA PKCS #1 v1.5 over the parts as if they were one; the same input always gives
  // the same signature. An EC key is an error: trust lists are signed with RSA.
  Result<Buffer> sign(Digest digest, std::span<const Bytes> parts) const;

  // What Certificate::encrypt() made. Nothing when it was made for another key, or is
  // damaged; an EC key can decrypt nothing. For tools that work on files: how long a
  // failure takes tells a peer about the secret.
  std::optional<Secret> decrypt(Bytes encrypted) const;

  struct Impl;  // inside crypto only
  const Impl& impl() const { return *impl_; }

 private:
  explicit PrivateKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<const Impl> impl_;  // never null
};

}  // namespace anchord::crypto
