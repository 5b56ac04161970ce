#include "tables/audit.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "anchord/store/audit.h"
#include "database/no_rights.h"
#include "database/session.h"

namespace anchord::store {
namespace {

std::string user_name() {
  std::string name = name_of_user(::geteuid());
  // With sudo everybody would be root.
  if (const char* behind = std::getenv("SUDO_USER")) name += fmt::format(" (sudo by {})", behind);
  return name;
}

}  // namespace

Status note_audit(Database& database, std::string_view what, bool forced, UnixSeconds when) {
  ANCHORD_TRY(execute(database, "INSERT INTO audit (time, who, what, forced) VALUES (?, ?, ?, ?)", when,
                      user_name(), what, forced));
  return execute(database, R"(INSERT INTO clock (id, highest) VALUES (1, ?)
                                ON CONFLICT DO UPDATE SET highest = max(highest, excluded.highest))",
                 when);
}

Status note_change(Database& database, std::string_view what, bool forced, UnixSeconds when) {
  ANCHORD_TRY(note_audit(database, what, forced, when));
  return execute(database, "UPDATE cluster SET change_counter = change_counter + 1");
}

Result<std::vector<AuditEntry>> audit_entries(Store& store, std::size_t newest) {
  std::vector<AuditEntry> entries;
  Statement row(store.session().database,
                "SELECT time, who, what, forced FROM audit ORDER BY id DESC LIMIT ?", newest);
  while (row.next())
    entries.push_back(
        {row.integer(0), std::string(row.text(1)), std::string(row.text(2)), row.integer(3) != 0});
  if (!row.ok()) return row.failure();
  return entries;
}

}  // namespace anchord::store
