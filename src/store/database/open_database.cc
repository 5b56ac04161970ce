#include "database/open_database.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "anchord/base/file.h"
#include "anchord/base/file_descriptor.h"
#include "database/schema.h"
#include "database/state_folder.h"
#include "database/temporary_folder.h"

namespace anchord::store {
namespace {

// Open, with a database in it.
Result<TrustedFolder> open_with_database(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto state, open_state(directory));
  if (::faccessat(state.descriptor(), kDatabaseName, R_OK, AT_EACCESS) == 0) return state;
  if (errno == ENOENT)
    return fail(
        fmt::format("there is no cluster in '{}': run 'anchorctl init' to make one", directory.string()));
  return fail_errno(fmt::format("cannot open '{}' (run as the owner of the state directory)",
                                (directory / kDatabaseName).string()),
                    errno);
}

// The log of changes and its index lie beside the database, and are made even to read it.
bool can_write(const TrustedFolder& state) {
  return ::faccessat(state.descriptor(), kDatabaseName, W_OK, AT_EACCESS) == 0 &&
         ::faccessat(state.descriptor(), ".", W_OK, AT_EACCESS) == 0;
}

off_t size_of(const TrustedFolder& state, const std::string& name) {
  struct stat info{};
  return ::fstatat(state.descriptor(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_size : -1;
}

// SQLite is told that the file does not change: it would make files beside it even to read.
Result<Database> open_unchanging(const std::filesystem::path& file, const std::filesystem::path& shown) {
  std::string uri = "file:";
  for (char c : file.string())
    uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", c) : std::string(1, c);
  return Database::open(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI,
                        shown);
}

Status copy_file(const TrustedFolder& state, const std::string& name, const std::filesystem::path& to) {
  ANCHORD_TRY_ASSIGN(auto from, state.file(name, O_RDONLY));
  FileDescriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out) return fail_errno(fmt::format("cannot make '{}'", to.string()), errno);
  Buffer piece(std::size_t{1} << 18);
  for (;;) {
    const ssize_t count = read_fully(from.get(), piece);
    if (count < 0) return fail_errno(fmt::format("cannot read '{}'", (state.path() / name).string()), errno);
    if (count == 0) return {};
    if (int problem = write_all(out.get(), Bytes(piece).first(static_cast<std::size_t>(count))); problem != 0)
      return fail_errno(fmt::format("cannot write '{}'", to.string()), problem);
  }
}

// A log that nobody can fold in where it is: in a copy, which is gone again once that is open.
Result<Database> open_copy(const TrustedFolder& state) {
  std::error_code problem;
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(problem);
  if (problem) return fail("there is no folder for temporary files: set TMPDIR");
  ANCHORD_TRY_ASSIGN(auto folder, TemporaryFolder::make(temporary / (std::string(kReadPrefix) + "XXXXXX")));
  const std::filesystem::path file = folder.path() / kDatabaseName;
  for (const char* suffix : {"", "-wal"})
    ANCHORD_TRY(copy_file(state, std::string(kDatabaseName) + suffix, file.string() + suffix));
  ANCHORD_TRY(fold_log(folder.path()));
  return open_unchanging(file, state.path() / kDatabaseName);
}

// Where nothing can be written. With a log and its index beside it somebody may be writing, on
// another mount, and SQLite reads both.
Result<Database> open_to_read(const TrustedFolder& state) {
  const std::filesystem::path file = state.real() / kDatabaseName;
  const std::filesystem::path shown = state.path() / kDatabaseName;
  const off_t log = size_of(state, std::string(kDatabaseName) + "-wal");
  const bool has_index = size_of(state, std::string(kDatabaseName) + "-shm") >= 0;
  if (log >= 0 && (has_index || can_write(state)))
    return Database::open(file, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, shown);
  return log > 0 ? open_copy(state) : open_unchanging(file, shown);
}

Status check_application(Database& database, const std::filesystem::path& file) {
  ANCHORD_TRY_ASSIGN(auto application, read_number(database, "PRAGMA application_id"));
  if (application != kApplicationId)
    return fail(fmt::format("'{}' is not a database of Anchord: restore it from a backup", file.string()));
  return {};
}

Result<OpenedDatabase> checked(Database database, const std::filesystem::path& file) {
  ANCHORD_TRY(check_application(database, file));
  ANCHORD_TRY_ASSIGN(auto version, schema_version(database, file));
  return OpenedDatabase{std::move(database), version};
}

}  // namespace

Result<std::int64_t> read_number(Database& database, const char* sql) {
  Statement statement(database, sql);
  if (statement.next()) return statement.integer(0);
  if (!statement.ok()) return statement.failure();
  return database.damaged("a row is missing");
}

Status check_structure(Database& database) {
  Statement statement(database, "PRAGMA quick_check(1)");
  if (!statement.next()) return statement.failure();
  if (statement.text(0) != "ok") return database.damaged(statement.text(0));
  return {};
}

Result<int> schema_version(Database& database, const std::filesystem::path& file) {
  ANCHORD_TRY_ASSIGN(auto version, read_number(database, "PRAGMA user_version"));
  if (version > kSchemaVersion)
    return fail(
        fmt::format("'{}' was made by a newer Anchord (its version is {}, this one knows {}): upgrade "
                    "this Anchord",
                    file.string(), version, kSchemaVersion));
  if (version < 1) return database.damaged(fmt::format("there is no version {}", version));
  return static_cast<int>(version);
}

Status fold_log(const std::filesystem::path& folder) {
  ANCHORD_TRY_ASSIGN(auto database, Database::open(folder / kDatabaseName, SQLITE_OPEN_READWRITE));
  Statement row(database, "PRAGMA wal_checkpoint(TRUNCATE)");
  if (!row.next()) return row.failure();
  if (row.integer(0) != 0) return database.damaged("its copy is in use");
  return {};
}

Result<OpenedDatabase> open_database(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto state, open_with_database(directory));
  const std::filesystem::path file = directory / kDatabaseName;
  if (!can_write(state)) {
    ANCHORD_TRY_ASSIGN(auto database, open_to_read(state));
    return checked(std::move(database), file);
  }
  // Its path without links, none of whose folders others can change.
  ANCHORD_TRY_ASSIGN(auto database, Database::open(state.real() / kDatabaseName,
                                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, file));
  return checked(std::move(database), file);
}

Result<OpenedDatabase> open_database_to_read(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto state, open_with_database(directory));
  ANCHORD_TRY_ASSIGN(auto database, open_to_read(state));
  return checked(std::move(database), directory / kDatabaseName);
}

}  // namespace anchord::store
