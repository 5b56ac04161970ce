// audit: who has changed what, by this state's own record.
#include <memory>

#include "anchord/store/audit.h"
#include "commands/commands.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr unsigned kUsualEntries = 50;
constexpr unsigned kMostEntries = 1'000'000;

Outcome list_audit(const Session& session, unsigned limit) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  // One more, to know whether there are older ones.
  ANCHORD_TRY_ASSIGN(auto entries, audit_entries(store, std::size_t{limit} + 1));
  const bool more = entries.size() > limit;
  if (more) entries.pop_back();
  Json list = Json::array();
  Text::Table rows{{"TIME", "WHO", "FORCED", "WHAT"}};
  for (const store::AuditEntry& entry : entries) {
    std::string time = time_text(entry.time);
    list.push_back({{"time", time}, {"who", entry.who}, {"what", entry.what}, {"forced", entry.forced}});
    rows.push_back({std::move(time), entry.who, entry.forced ? "FORCED" : "-", entry.what});
  }
  Shown shown{{{"entries", list}, {"more", more}}, Text().table(std::move(rows))};
  if (more) shown.text.line("there are older entries: --limit N shows more");
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
