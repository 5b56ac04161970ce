// X.509 certificates (RFC 5280), read and never changed.
//
// A Certificate is a handle on one immutable object: copies are cheap and may be
// used from several threads. Everything a trust list stores of a certificate is a
// view into its own DER, valid as long as any copy lives.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/digest.h"
#include "anchord/crypto/name.h"

namespace anchord::crypto {

// A certificate must fit a TVS message and a trust list of 64 KiB many times over.
// Real ones have 700 to 2000 bytes.
constexpr std::size_t kMaxCertificateSize = 16384;

// RFC 5280 allows 20 bytes, and there are certificates with more; a question must have room
// for it besides two names.
constexpr std::size_t kMaxSerialNumber = 1024;

// A bundle is an administrator's file: the limit stops the wrong file, not an attack.
constexpr std::size_t kMaxBundleCertificates = 1024;

// other: one that is neither, or cannot be read. Nothing verifies with it.
enum class KeyType { rsa, ec, other };

// What a lookup needs, as views into the DER. The serial number has no leading
// zero byte (the number zero is one zero byte); a negative one is the bytes that it has.
struct CertificateFields {
  Bytes issuer_der;
  Bytes subject_der;
  Bytes serial;
};

// For the request path: allocates nothing and checks only what it passes.
std::optional<CertificateFields> read_fields(Bytes der);

// Whether the certificate's end has passed; false where it has no readable one. As read_fields().
bool has_ended(Bytes der, UnixSeconds now);

struct PemObject;

class Certificate {
 public:
  // Whatever has a readable issuer, serial number and subject: see oddities(). Trailing
  // bytes and names that Name refuses are errors that say so.
  static Result<Certificate> from_der(Bytes der);

  // A file that somebody gives as one: PEM (pem.h), DER, or the DER as hexadecimal or base64
  // text of any usual kind. In the file's order; other PEM objects are passed over. None is an error, which
  // says what the file is instead where that can be seen.
  static Result<std::vector<Certificate>> all_from(Bytes file);

  // One object of a PEM file, whose label must mean a certificate.
  static Result<Certificate> from_pem(const PemObject& object);

  // The same as all_from() where there must be one: of several, which one was meant?
  static Result<Certificate> from_pem_or_der(Bytes file);

  Bytes der() const;
  const Name& subject() const;
  const Name& issuer() const;
  Bytes subject_der() const;
  Bytes issuer_der() const;
  Bytes serial() const;          // no leading zero byte
  Bytes signature() const;       // the certificate's own signature value
  Bytes public_key_raw() const;  // RSA: PKCS #1 RSAPublicKey. EC: uncompressed point. Other: empty
  KeyType key_type() const;
  unsigned key_bits() const;
  // Why strict parsers may refuse it, one sentence without its end each; empty for nearly all.
  std::span<const std::string> oddities() const;
  UnixSeconds not_before() const;
  UnixSeconds not_after() const;
  const Sha256& sha256() const;  // of the DER
  std::string to_pem() const;

  // Issued by itself: the names are the same and the signature verifies.
  bool self_signed() const;

  // RSA PKCS #1 v1.5 over the parts as if they were one. False for an EC key.
  bool verify(Digest digest, std::span<const Bytes> parts, Bytes signature) const;

  // A short secret under the RSA key, PKCS #1 v1.5: as long as the key's modulus, and
  // never the same twice. An EC key, or a secret too long for the key, is an error.
  Result<Buffer> encrypt(Bytes secret) const;

  bool operator==(const Certificate& other) const { return same_bytes(der(), other.der()); }

  struct Impl;  // inside crypto only
  const Impl& impl() const { return *impl_; }

 private:
  explicit Certificate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<const Impl> impl_;  // never null
};

// The front of a SHA-256 in hexadecimal, and of a certificate's, for people to tell certificates by: ten
// digits tell a million apart, and can be typed.
constexpr std::size_t kShortHash = 10;
inline std::string_view short_hash(std::string_view sha256) {
  return sha256.substr(0, kShortHash);
}
std::string short_hash(const Certificate& certificate);

}  // namespace anchord::crypto
