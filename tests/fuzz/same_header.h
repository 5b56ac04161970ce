// When two headers say the same, wherever their items stand.
#pragma once

#include "anchord/wire/header.h"

namespace anchord::fuzz {

inline bool same_encryption(const wire::Encryption& a, const wire::Encryption& b) {
  return same_bytes(a.iv, b.iv) && a.pad_length == b.pad_length && a.key_bits == b.key_bits &&
         a.key_algorithm == b.key_algorithm && same_bytes(a.encrypted_key, b.encrypted_key) &&
         a.digest == b.digest && same_bytes(a.digest_value, b.digest_value);
}

inline bool same_header(const wire::Header& a, const wire::Header& b) {
  return a.version == b.version && a.signer_version == b.signer_version && a.signer_name == b.signer_name &&
         a.issuer_name == b.issuer_name && same_bytes(a.serial, b.serial) && a.digest == b.digest &&
         a.modulus_code == b.modulus_code && a.file_name == b.file_name && a.timestamp == b.timestamp &&
         a.signature_algorithm == b.signature_algorithm && same_bytes(a.signature, b.signature) &&
         a.encryption.has_value() == b.encryption.has_value() &&
         (!a.encryption || same_encryption(*a.encryption, *b.encryption));
}

}  // namespace anchord::fuzz
