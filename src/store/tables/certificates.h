// The table of certificates that are not the cluster's own, in the open transaction, and how certificates
// are read from any table and named in errors.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/store/certificates.h"
#include "anchord/trust/cluster.h"
#include "database/sqlite.h"

namespace anchord::store {

// "certificate 0a1b2c3d4e (CN=...)"
std::string describe(const crypto::Certificate& certificate);

std::optional<std::vector<wire::Role>> roles_from_text(std::string_view text);

// The certificate in the current row, checked against its hash there.
Result<crypto::Certificate> read_certificate(const Database& database, const Statement& row, int sha256,
                                             int certificate);

// The SHA-256 that somebody typed, in lower case: all of it, of a certificate that may be
// removed as it is not the cluster's own.
Result<std::string> hash_to_remove(Database& database, std::string_view typed);
std::unexpected<Error> no_certificate(std::string_view sha256);

// Puts all or none, as add_known() (lifecycle.h) does, but asks no phone.
Result<std::vector<Added>> put_certificates(Database& database,
                                            std::span<const trust::KnownCertificate> certificates);

}  // namespace anchord::store
