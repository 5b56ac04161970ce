#include "tables/issued_lists.h"

#include <algorithm>

#include "anchord/index/file_table.h"
#include "database/session.h"

namespace anchord::store {
namespace {

// A phone that comes back from a drawer may hold any list that was ever served. A list has some
// 10 KB; a cluster that has made more than these has lost sight of its oldest, and says so.
constexpr int kKept = 4096;

// Drops the oldest lists, but never the one that was just put: with a clock that went back it may not be
// among the newest.
Status drop_old(Database& database) {
  return execute(database,
                 R"(DELETE FROM issued_lists WHERE rowid <> last_insert_rowid() AND rowid IN (
                      SELECT rowid FROM issued_lists ORDER BY built_at DESC, rowid DESC LIMIT -1 OFFSET ?))",
                 kKept);
}

Result<std::vector<IssuedList>> read_issued_lists(Database& database) {
  std::vector<IssuedList> lists;
  Statement row(
      database,
      "SELECT name, version, built_at, content FROM issued_lists ORDER BY built_at DESC, rowid DESC");
  while (row.next()) {
    IssuedList list{std::string(row.text(0)), static_cast<std::uint64_t>(row.integer(1)), row.integer(2),
                    to_buffer(row.blob(3))};
    // The database's pages carry no checksums: a list that no phone holds must not be judged.
    if (version_of_list(list.content) == list.version) lists.push_back(std::move(list));
  }
  if (!row.ok()) return row.failure();
  return lists;
}

}  // namespace

// A version is of bytes, whatever their name.
trust::ListVersion version_of_list(Bytes content) {
  return index::version_of({.header = {}, .content = index::Blob(to_buffer(content))});
}

Result<trust::ListVersion> keep_once(Database& database, std::string_view name, Bytes content,
                                     UnixSeconds now) {
  trust::ListVersion version = version_of_list(content);
  ANCHORD_TRY(execute(database, R"(INSERT INTO issued_lists (name, version, built_at, content)
                                   SELECT ?1, ?2, ?3, ?4
                                   WHERE NOT EXISTS (SELECT 1 FROM issued_lists WHERE version = ?2))",
                      name, version, now, content));
  return version;
}

Status keep_issued_list(Database& database, std::string_view name, Bytes content, UnixSeconds built_at) {
  ANCHORD_TRY(execute(database, R"(INSERT OR REPLACE INTO issued_lists (name, version, built_at, content)
                                   VALUES (?, ?, ?, ?))",
                      name, version_of_list(content), built_at, content));
  return drop_old(database);
}

Result<std::vector<IssuedList>> issued_lists(Store& store) {
  return read_issued_lists(store.session().database);
}

Status fill_shelf(Database& database, trust::ListShelf& shelf) {
  std::vector<std::int64_t> missing;
  {
    Statement row(database, "SELECT DISTINCT version FROM issued_lists");
    while (row.next())
      if (!shelf.has(static_cast<trust::ListVersion>(row.integer(0)))) missing.push_back(row.integer(0));
    if (!row.ok()) return row.failure();
  }
  Statement row(database, "SELECT content FROM issued_lists WHERE version = ? LIMIT 1");
  for (std::int64_t version : missing) {
    row.restart(version);
    if (row.next() && version_of_list(row.blob(0)) == static_cast<trust::ListVersion>(version))
      shelf.add(static_cast<trust::ListVersion>(version), row.blob(0));
  }
  return row.ok() ? Status() : row.failure();
}

Status put_own_lists(Store& store, std::span<const OwnList> lists, UnixSeconds now) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(database));
  ANCHORD_TRY(execute(database, "DELETE FROM own_lists"));
  for (const OwnList& list : lists) {
    ANCHORD_TRY_ASSIGN(auto version, keep_once(database, list.name, list.content, now));
    ANCHORD_TRY(execute(database, "INSERT OR REPLACE INTO own_lists (name, version) VALUES (?, ?)", list.name,
                        version));
  }
  return writing.commit();
}

Result<std::map<std::string, trust::ListVersion>> read_own_lists(Database& database) {
  std::map<std::string, trust::ListVersion> out;
  Statement row(database, "SELECT name, version FROM own_lists");
  while (row.next()) out.emplace(row.text(0), static_cast<trust::ListVersion>(row.integer(1)));
  if (!row.ok()) return row.failure();
  return out;
}

Result<std::map<std::string, trust::ListVersion>> own_list_versions(Store& store) {
  return read_own_lists(store.session().database);
}

}  // namespace anchord::store
