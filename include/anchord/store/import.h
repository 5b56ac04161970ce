// Certificates from where another verification service keeps them.
//
// Errors are one line that names the file and, of a bad row, which one and why.
#pragma once

#include <filesystem>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// An administrator's file: the limit stops the wrong one, not an attack.
constexpr std::size_t kMaxImported = 100'000;

// Everything in the database of the open tvsd: SQLite, with a table `certificates` whose
// columns are `certificate` or `pem` (PEM), `roles` (names or numbers, "," between them), and
// perhaps `ttl` and `certificate_hash` or `hash` (SHA-256, checked where it is one). The file
// is only read, also while tvsd runs. One bad row, and nothing is returned.
Result<std::vector<trust::KnownCertificate>> read_tvsd_database(const std::filesystem::path& file);

}  // namespace anchord::store
