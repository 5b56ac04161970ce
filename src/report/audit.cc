#include "anchord/report/audit.h"

#include "anchord/base/calendar.h"

namespace anchord::report {

Result<Audit> read_audit(store::Store& store, std::size_t limit) {
  Audit out;
  // One more, to know whether there are older ones.
  ANCHORD_TRY_ASSIGN(out.entries, store::audit_entries(store, limit + 1));
  out.more = out.entries.size() > limit;
  if (out.more) out.entries.pop_back();
  return out;
}

Json audit_document(const Audit& audit) {
  Json list = Json::array();
  for (const store::AuditEntry& entry : audit.entries)
    list.push_back({{"time", time_text(entry.time)},
                    {"who", entry.who},
                    {"what", entry.what},
                    {"forced", entry.forced}});
  return {{"entries", std::move(list)}, {"more", audit.more}};
}

}  // namespace anchord::report
