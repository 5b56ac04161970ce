#include "tables/change_log.h"

#include "database/schema.h"

namespace anchord::store {
namespace {

Result<bool> is_there(Database& database) {
  Statement parts(database, R"(SELECT count(*) FROM sqlite_master WHERE name IN (
                                 'certificate_changes', 'certificate_added', 'certificate_altered',
                                 'certificate_removed', 'certificate_changes_forget'))");
  if (!parts.next()) return parts.failure();
  constexpr std::int64_t kAll = 5;
  return parts.integer(0) == kAll;
}

}  // namespace

Status ensure_change_log(Database& database) {
  ANCHORD_TRY_ASSIGN(auto there, is_there(database));
  if (there) return {};
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(database));
  ANCHORD_TRY(database.run(kChangeLog));
  return writing.commit();
}

Result<ChangeMark> end_of_changes(Database& database) {
  ANCHORD_TRY_ASSIGN(auto there, is_there(database));
  if (!there) return ChangeMark{};
  Statement schema(database, "PRAGMA schema_version");
  if (!schema.next()) return schema.failure();
  Statement last(database, "SELECT number, token FROM certificate_changes ORDER BY number DESC LIMIT 1");
  if (last.next()) return ChangeMark{last.integer(0), last.integer(1), schema.integer(0)};
  if (!last.ok()) return last.failure();
  return ChangeMark{};
}

Result<std::optional<std::vector<std::string>>> changes_between(Database& database, const ChangeMark& from,
                                                                const ChangeMark& to) {
  // A program that changes the schema may have taken the log's triggers away for a while.
  if (from == ChangeMark{} || from.schema != to.schema) return std::nullopt;
  Statement begin(database, "SELECT 1 FROM certificate_changes WHERE number = ? AND token = ?", from.number,
                  from.token);
  if (!begin.next()) {
    if (!begin.ok()) return begin.failure();
    return std::nullopt;
  }
  std::vector<std::string> out;
  Statement row(database, "SELECT DISTINCT sha256 FROM certificate_changes WHERE number > ?", from.number);
  while (row.next()) out.emplace_back(row.text(0));
  if (!row.ok()) return row.failure();
  return out;
}

}  // namespace anchord::store
