// A certificate's DER taken apart (RFC 5280, section 4.1), as far as this module looks
// into it. What identifies it must be there; of the rest, TLS peers present certificates
// that no strict parser takes, and whoever vouches for those only compares bytes.
#pragma once

#include <optional>

#include "boringssl.h"

namespace anchord::crypto {

struct CertificateParts {
  CertificateFields fields;
  bool whole = false;  // all below are there
  Bytes validity;
  Bytes key_info;  // the whole SubjectPublicKeyInfo
  Bytes signature;
  bool extended = false;  // with extensions or unique identifiers
  bool first_version = false;
};

// False without a readable issuer, serial number and subject. Allocates nothing.
bool take_apart(Bytes der, CertificateParts& out);

// Both dates; nothing when they cannot be read.
struct Validity {
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
};
std::optional<Validity> read_validity(Bytes validity);

struct PublicKey {
  bssl::UniquePtr<EVP_PKEY> key;
  Bytes raw;             // into the DER
  bool lenient = false;  // an RSA key that BoringSSL does not take as it is written
};

// RSA, or EC as an uncompressed point; nothing for any other.
std::optional<PublicKey> read_public_key(Bytes key_info);

}  // namespace anchord::crypto
