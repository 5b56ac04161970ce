// The state of the cluster, read from all of its tables.
#pragma once

#include <filesystem>

#include "anchord/base/error.h"
#include "anchord/store/store.h"
#include "database/sqlite.h"

namespace anchord::store {

// What Store::load() gives, in the open transaction.
Result<LoadedCluster> read_cluster(const std::filesystem::path& directory, Database& database, KeyUse keys);

// The same without the certificates that are not the cluster's own.
Result<LoadedCluster> read_own(const std::filesystem::path& directory, Database& database, KeyUse keys);

// As Store::load() has it.
Result<trust::Evidence> read_evidence(Database& database);

}  // namespace anchord::store
