// Opening the database of a state directory: that it is Anchord's, whole and of a known version.
#pragma once

#include <cstdint>
#include <filesystem>

#include "anchord/base/error.h"
#include "database/sqlite.h"

namespace anchord::store {

struct OpenedDatabase {
  Database database;
  int version = 0;  // of its schema: kSchemaVersion, or an older one
};

// Opens it to be changed, or to be read where nothing can be written. Errors are one line for an
// administrator.
Result<OpenedDatabase> open_database(const std::filesystem::path& directory);

// Opens it to be read, and changes nothing, not even the files beside it.
Result<OpenedDatabase> open_database_to_read(const std::filesystem::path& directory);

// The schema's version; an error when it is none that this program knows. `file` is for errors.
Result<int> schema_version(Database& database, const std::filesystem::path& file);

// Reads the whole database.
Status check_structure(Database& database);

// The first column of the first row; no row is damage.
Result<std::int64_t> read_number(Database& database, const char* sql);

// Brings all of a database that nobody else uses into its main file.
Status fold_log(const std::filesystem::path& folder);

}  // namespace anchord::store
