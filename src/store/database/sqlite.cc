#include "database/sqlite.h"

#include <fmt/core.h>

#include <cassert>
#include <limits>

namespace anchord::store {
namespace {

// SQLite's messages quote the schema, and what is damaged.
std::string one_line(std::string_view message) {
  std::string line{message};
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return line;
}

}  // namespace

Result<Database> Database::open(const std::filesystem::path& path, int flags,
                                const std::filesystem::path& shown) {
  Database database(shown.empty() ? path : shown);
  database.read_only_ = (flags & SQLITE_OPEN_READONLY) != 0;
  sqlite3* handle = nullptr;
  int result = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  database.handle_.reset(handle);
  if (result != SQLITE_OK) return database.failure();
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusySeconds * 1000);
  // The file may not be what we wrote: nothing in its schema may run anything,
  // and cells are checked before they are used.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  ANCHORD_TRY(database.run("PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON"));
  return database;
}

Status Database::run(const std::string& sql) {
  if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
  return {};
}

std::unexpected<Error> Database::damaged(std::string_view what) const {
  return fail(fmt::format("the database '{}' is damaged ({}): restore the state directory from a backup",
                          path_.string(), one_line(what)));
}

std::unexpected<Error> Database::failure() const {
  // Without memory for a connection there is no handle to ask.
  int code = handle_ ? sqlite3_errcode(handle()) : SQLITE_NOMEM;
  const char* message = handle_ ? sqlite3_errmsg(handle()) : "out of memory";
  std::string file = path_.string();
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail("the store is busy: another anchorctl is changing it; try again when it is done");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR:  // our SQL is right, so what it names is not there
      return damaged(message);
    case SQLITE_FULL:
      return fail(fmt::format("cannot write '{}': the disk is full; make room and try again", file));
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      if (read_only_)
        return fail(
            fmt::format("'{}' cannot be written to: the file system is read-only, or the mode of the "
                        "state directory; what is there can be shown, and nothing changed",
                        file));
      return fail(fmt::format("cannot open '{}' for writing ({}): run as the owner of the state directory",
                              file, message));
    default:
      return fail(fmt::format("cannot use the database '{}': {}", file, one_line(message)));
  }
}

void Statement::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  result_ =
      sqlite3_prepare_v2(database_.handle(), sql.data(), static_cast<int>(sql.size()), &handle, nullptr);
  handle_.reset(handle);
}

void Statement::bind(int index, std::string_view value) {
  if (!ok()) return;
  // A null pointer would bind NULL, not an empty text.
  const char* data = value.data() != nullptr ? value.data() : "";
  note(sqlite3_bind_text64(handle_.get(), index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind(int index, Bytes value) {
  if (!ok()) return;
  if (value.empty()) {
    note(sqlite3_bind_zeroblob(handle_.get(), index, 0));
  } else {
    note(sqlite3_bind_blob64(handle_.get(), index, value.data(), value.size(), SQLITE_TRANSIENT));
  }
}

bool Statement::next() {
  if (!ok() || result_ == SQLITE_DONE) return false;
  result_ = sqlite3_step(handle_.get());
  return result_ == SQLITE_ROW;
}

Bytes Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  int size = sqlite3_column_bytes(handle_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

void Statement::restart_with(std::span<const SqlValue> values) {
  restart();
  int index = 0;
  for (const SqlValue& value : values)
    std::visit(
        [&](const auto& one) {
          using One = std::remove_cvref_t<decltype(one)>;
          if constexpr (std::is_same_v<One, std::string>) {
            bind(++index, std::string_view(one));
          } else if constexpr (std::is_same_v<One, Buffer>) {
            bind(++index, Bytes(one));
          } else {
            bind(++index, one);
          }
        },
        value);
}

SqlValue Statement::value(int column) const {
  switch (sqlite3_column_type(handle_.get(), column)) {
    case SQLITE_NULL:
      return nullptr;
    case SQLITE_INTEGER:
      return integer(column);
    case SQLITE_TEXT:
      return std::string(text(column));
    default:
      return to_buffer(blob(column));
  }
}

Result<Transaction> Transaction::begin(Database& database, const char* sql) {
  ANCHORD_TRY(database.run(sql));
  return Transaction(database);
}

Transaction::~Transaction() {
  // SQLite may have rolled back by itself after a failure: a second time only fails.
  if (database_ != nullptr) sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Status Transaction::commit() {
  assert(database_ != nullptr);
  ANCHORD_TRY(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace anchord::store
