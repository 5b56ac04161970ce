// audit: who has changed what, by this state's own record.
#include <memory>

#include "anchord/report/audit.h"
#include "commands/commands.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr unsigned kUsualEntries = 50;
constexpr unsigned kMostEntries = 1'000'000;

Outcome list_audit(const Session& session, unsigned limit) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(const report::Audit audit, report::read_audit(store, limit));
  Text::Table rows{{"TIME", "WHO", "FORCED", "WHAT"}};
  for (const store::AuditEntry& entry : audit.entries)
    rows.push_back({time_text(entry.time), entry.who, entry.forced ? "FORCED" : "-", entry.what});
  Shown shown{report::audit_document(audit), Text().table(std::move(rows))};
  if (audit.more) shown.text.line("there are older entries: --limit N shows more");
  return shown;
}

}  // namespace

Action audit_command(Session& session) {
  auto limit = std::make_shared<unsigned>(kUsualEntries);
  return {{number_option({.name = "--limit", .type = "N", .help = "How many of the newest (default: 50)"},
                         *limit, 1u, kMostEntries, "a number of entries"),
           json_option(session)},
          [&session, limit] { return list_audit(session, *limit); }};
}

}  // namespace anchord::ctl
