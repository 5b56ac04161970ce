// Bringing a database of an older version to the present one.
#pragma once

#include <filesystem>

#include "anchord/base/error.h"
#include "database/sqlite.h"

namespace anchord::store {

// With the keys that it then needs. One transaction, except that a key's file may be left behind.
Status migrate(const std::filesystem::path& directory, Database& database);

}  // namespace anchord::store
