#include "anchord/store/ledger_session.h"

#include <algorithm>

#include "anchord/store/journal_file.h"
#include "database/session.h"

namespace anchord::store {

Status note_session(Store& store, const LedgerSession& session) {
  return execute(store.session().database,
                 R"(INSERT OR REPLACE INTO ledger_session (host, boot_id, started, written, clean)
                    VALUES (?, ?, ?, ?, ?))",
                 std::string_view(session.host), std::string_view(session.boot_id), session.started,
                 session.written, session.clean);
}

Result<std::vector<LedgerSession>> ledger_sessions(Store& store) {
  std::vector<LedgerSession> out;
  Statement row(store.session().database,
                "SELECT host, boot_id, started, written, clean FROM ledger_session ORDER BY host");
  while (row.next())
    out.push_back({.host = std::string(row.text(0)),
                   .boot_id = std::string(row.text(1)),
                   .started = row.integer(2),
                   .written = row.integer(3),
                   .clean = row.integer(4) != 0});
  if (!row.ok()) return row.failure();
  return out;
}

Result<std::optional<std::string>> not_taken_over(Store& store) {
  ANCHORD_TRY_ASSIGN(auto sessions, ledger_sessions(store));
  ANCHORD_TRY_ASSIGN(auto journals, journals_in(store.session().directory));
  if (journals.empty() && std::ranges::count(sessions, false, &LedgerSession::clean) > 0)
    return "the service did not end as it should, and its journal is gone";
  for (const std::filesystem::path& path : journals) {
    auto left = look_at_journal(path);
    if (!left) return left.error().text;
    bool ended = std::ranges::any_of(
        sessions, [&](const LedgerSession& s) { return s.clean && s.started == left->owner.started; });
    if (ended) continue;
    if (left->owner.boot_id != boot_id()) return "the machine stopped while the service ran";
    if (!left->settled) return "the service was killed before it had written down all that it gave phones";
  }
  return std::nullopt;
}

}  // namespace anchord::store
