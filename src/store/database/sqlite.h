// The little of SQLite that the store needs, with RAII and Results.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::store {

// How long a connection waits for others to end their changes.
constexpr int kBusySeconds = 5;

class Database {
 public:
  // `flags` are SQLite's. Waits for other writers up to kBusySeconds. Errors name `shown`; empty:
  // `path`.
  static Result<Database> open(const std::filesystem::path& path, int flags,
                               const std::filesystem::path& shown = {});

  bool read_only() const { return read_only_; }

  sqlite3* handle() const { return handle_.get(); }
  Status run(const std::string& sql);  // any number of statements without results

  // What the connection's last error means to an administrator.
  std::unexpected<Error> failure() const;
  std::unexpected<Error> damaged(std::string_view what) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  explicit Database(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
  bool read_only_ = false;
  std::unique_ptr<sqlite3, Close> handle_;
};

// A value of any type that the tables have; nullptr: NULL.
using SqlValue = std::variant<std::nullptr_t, std::int64_t, std::string, Buffer>;

// One SQL statement with its values. The first failure sticks: rows stop coming,
// and ok() says that it was not the end of them.
class Statement {
 public:
  template <class... Values>
  Statement(Database& database, std::string_view sql, const Values&... values) : database_(database) {
    prepare(sql);
    bind_all(values...);
  }

  // Restarts the statement with other values, as for many rows.
  template <class... Values>
  void restart(const Values&... values) {
    if (!ok()) return;
    result_ = sqlite3_reset(handle_.get());
    bind_all(values...);
  }

  // The same with as many values as it turns out.
  void restart_with(std::span<const SqlValue> values);

  bool next();  // to the next row, false when there is none
  bool ok() const { return result_ == SQLITE_OK || result_ == SQLITE_ROW || result_ == SQLITE_DONE; }
  std::unexpected<Error> failure() const { return database_.failure(); }

  // Columns of the current row, from 0. Views are valid until next().
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  std::string_view text(int column) const { return as_text(blob(column)); }
  Bytes blob(int column) const;
  int columns() const { return sqlite3_column_count(handle_.get()); }
  SqlValue value(int column) const;
  std::string name(int column) const { return sqlite3_column_name(handle_.get(), column); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  void prepare(std::string_view sql);
  template <class... Values>
  void bind_all(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
  }
  void note(int result) {
    if (ok()) result_ = result;
  }
  void bind(int index, std::integral auto value) {
    if (ok()) note(sqlite3_bind_int64(handle_.get(), index, static_cast<std::int64_t>(value)));
  }
  void bind(int index, std::nullptr_t) {
    if (ok()) note(sqlite3_bind_null(handle_.get(), index));
  }
  void bind(int index, std::string_view value);
  void bind(int index, Bytes value);

  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int result_ = SQLITE_OK;
};

template <class... Values>
Status execute(Database& database, std::string_view sql, const Values&... values) {
  Statement statement(database, sql, values...);
  while (statement.next()) {
  }
  if (!statement.ok()) return statement.failure();
  return {};
}

// Rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> read(Database& database) { return begin(database, "BEGIN"); }
  // Takes the write lock at once: a later upgrade could fail for good.
  static Result<Transaction> write(Database& database) { return begin(database, "BEGIN IMMEDIATE"); }

  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  static Result<Transaction> begin(Database& database, const char* sql);
  Database* database_;
};

}  // namespace anchord::store
