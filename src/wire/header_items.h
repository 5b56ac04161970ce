// The items of a header, for its reader and its writer.
#pragma once

#include <array>
#include <cstdint>

#include "anchord/wire/header.h"
#include "tlv.h"

namespace anchord::wire {

enum HeaderTag : std::uint8_t {
  kFileItself = 0,  // no tag: what contains the outermost items
  kVersion = 1,
  kHeaderLength = 2,
  kSignerInfo = 3,
  kSignerName = 4,
  kSerial = 5,
  kIssuerName = 6,
  kSignatureInfo = 7,
  kDigest = 8,
  kSignatureAlgorithmInfo = 9,
  kSignatureAlgorithm = 10,
  kModulusSize = 11,
  kSignature = 12,
  kPadding = 13,  // one byte, no length
  kFileName = 14,
  kTimestamp = 15,
  kEncryptionInfo = 16,
  kIvInfo = 17,
  kIvUnknown = 18,
  kIv = 19,
  kPadLength = 20,
  kKeyInfo = 21,
  kKeyUnknown = 22,
  kKeySize = 23,
  kKeyAlgorithm = 24,
  kEncryptedKey = 25,
  kPlainDigest = 26,
  kPlainDigestValue = 27,
  kSignerVersion = 28,
};

inline constexpr std::array<const char*, 29> kHeaderItems = {
    nullptr,
    "version",
    "header length",
    "signer info",
    "signer name",
    "serial number",
    "issuer name",
    "signature info",
    "digest algorithm",
    "signature algorithm info",
    "signature algorithm",
    "modulus size",
    "signature",
    "padding",
    "file name",
    "timestamp",
    "encryption info",
    "IV info",
    "IV unknown",
    "IV",
    "pad length",
    "key info",
    "key unknown",
    "key size",
    "key algorithm",
    "encrypted key",
    "plain text digest algorithm",
    "plain text digest",
    "signer version",
};

// The container that each item stands in.
inline constexpr std::array<std::uint8_t, 29> kContainerOf = {
    kFileItself,
    kFileItself,
    kFileItself,
    kFileItself,
    kSignerInfo,
    kSignerInfo,
    kSignerInfo,
    kFileItself,
    kSignatureInfo,
    kSignatureInfo,
    kSignatureAlgorithmInfo,
    kSignatureAlgorithmInfo,
    kFileItself,
    kFileItself,
    kFileItself,
    kFileItself,
    kFileItself,
    kEncryptionInfo,
    kIvInfo,
    kIvInfo,
    kIvInfo,
    kEncryptionInfo,
    kKeyInfo,
    kKeyInfo,
    kKeyInfo,
    kKeyInfo,
    kFileItself,
    kFileItself,
    kFileItself,
};

constexpr std::size_t kItemHeadSize = 3;

// Headers and records name a digest in the same way. Fails in the item when there is
// no such digest.
Digest read_digest(Item& item);

}  // namespace anchord::wire
