// What phones look for in the lists that they hold.
#pragma once

#include <optional>
#include <span>

#include "anchord/base/bytes.h"
#include "anchord/crypto/certificate.h"
#include "anchord/wire/header.h"

namespace anchord::trust {

// All take a whole list; one that is empty or cannot be read lists nothing. Signatures are not
// looked at: what a phone holds it has checked.

// The certificate with one of the roles that the header names as its signer: surely, else
// the only one that may be meant.
std::optional<crypto::Certificate> find_signer(Bytes list, const wire::Header& header,
                                               std::span<const wire::Role> roles);

// Whether the certificate is there with one of the roles.
bool lists_certificate(Bytes list, Bytes der, std::span<const wire::Role> roles);

// Whether there is any certificate with one of the roles.
bool lists_any(Bytes list, std::span<const wire::Role> roles);

// Whether there is a record of one of the roles without a certificate.
bool lists_blanked(Bytes list, std::span<const wire::Role> roles);

// Whether phones can read it at all.
bool is_readable(Bytes list);

}  // namespace anchord::trust
