// What several of this module's sources need of BoringSSL's.
#pragma once

#include <openssl/base.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>

#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/digest.h"
#include "anchord/crypto/private_key.h"

namespace anchord::crypto {

const EVP_MD* evp_digest(Digest kind);

inline Bytes bytes_of(const CBS& cbs) {
  return {CBS_data(&cbs), CBS_len(&cbs)};
}
inline CBS cbs_of(Bytes bytes) {
  CBS out;
  CBS_init(&out, bytes.data(), bytes.size());
  return out;
}

// Keys and certificates in DER are sequences; no PEM begins like one.
inline bool looks_like_der(Bytes data) {
  constexpr std::uint8_t kSequence = 0x30;
  return !data.empty() && data[0] == kSequence;
}

// The library's reason for the latest failure, and an empty error queue: errors left
// in it would be taken for those of a later call.
std::string take_library_error();

struct Certificate::Impl {
  Buffer der;
  CertificateFields fields;
  Bytes signature;
  Bytes public_key;
  Name subject;
  Name issuer;
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  Sha256 sha256{};
  bssl::UniquePtr<EVP_PKEY> key;  // null: KeyType::other
  std::vector<std::string> oddities;
};

struct PrivateKey::Impl {
  bssl::UniquePtr<EVP_PKEY> key;
};

}  // namespace anchord::crypto
