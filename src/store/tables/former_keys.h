// TFTP keys that were replaced, sealed in the database: while a phone may hold a list that only
// such a key can follow up, it is the phone's way back.
#pragma once

#include <filesystem>
#include <vector>

#include "anchord/trust/cluster.h"
#include "database/sqlite.h"

namespace anchord::store {

// In the open transaction. The sealing key is a file of its own beside the private keys.
Status keep_former_key(const std::filesystem::path& directory, Database& database,
                       const trust::Identity& identity, UnixSeconds now);

// Those that can be opened; what cannot (a restored state without its sealing key) is left out.
Result<std::vector<trust::Identity>> former_keys(const std::filesystem::path& directory, Database& database);

// Forgets those whose certificates are not among `needed`.
Status drop_former_keys(Database& database, const std::vector<crypto::Certificate>& needed);

}  // namespace anchord::store
