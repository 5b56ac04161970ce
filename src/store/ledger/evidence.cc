#include "anchord/store/evidence.h"

#include <fmt/core.h>

#include "database/session.h"
#include "ledger/ledger_rows.h"
#include "replica/shared_write.h"
#include "tables/audit.h"
#include "tables/cluster.h"

namespace anchord::store {
namespace {

using trust::ListKind;
using trust::ListVersion;

Result<ListVersion> settle(LedgerEntry& entry, ListKind which, std::int64_t last_gap) {
  const bool is_itl = which == ListKind::itl;
  const DeliveredFile& given = entry.of(is_itl ? DeliveredKind::itl : DeliveredKind::ctl);
  const std::vector<ListVersion> may = entry.may_hold(which);
  if (!is_itl && may == std::vector{trust::kNoList}) return trust::kNoList;
  if (given.version == 0 || !given.whole)
    return fail(fmt::format("{} was given no {} whole, so that nobody can say that it has taken it: reset it",
                            entry.device, is_itl ? "ITL" : "CTL"));
  trust::Belief::Kind& kind = entry.belief.of(which);
  kind.may = {given.version};
  kind.given = trust::kNoList;
  kind.accepted_at = entry.seen;
  entry.accepted_gap[static_cast<std::size_t>(which)] = last_gap;
  return given.version;
}

// What `settle()` does, in the open transaction.
Result<std::vector<Settled>> settle_rows(Database& database, std::span<const std::string> devices) {
  ANCHORD_TRY_ASSIGN(auto gaps, Gaps::read(database));
  std::vector<Settled> out;
  {
    LedgerRows rows(database);
    for (const std::string& device : devices) {
      ANCHORD_TRY_ASSIGN(auto entries, read_entries(database, device));
      if (entries.empty())
        return fail(device + " was never heard of here, so nobody knows what it was given");
      LedgerEntry& entry = entries.front();
      ANCHORD_TRY_ASSIGN(auto itl, settle(entry, ListKind::itl, gaps.last()));
      ANCHORD_TRY_ASSIGN(auto ctl, settle(entry, ListKind::ctl, gaps.last()));
      entry.belief.home = entry.of(DeliveredKind::itl).address;
      ANCHORD_TRY(rows.write(entry));
      out.push_back({device, itl, ctl, entry.belief.home});
    }
  }
  return out;
}

}  // namespace

Result<bool> set_evidence(Store& store, trust::Evidence evidence) {
  Database& database = store.session().database;
  return shared_write(store.session(), Guarded::no, [&](SharedWrite& writing) -> Result<bool> {
    ANCHORD_TRY_ASSIGN(auto present, read_evidence(database));
    if (present == evidence) return false;
    ANCHORD_TRY(execute(database, "UPDATE cluster SET evidence = ?", trust::evidence_name(evidence)));
    ANCHORD_TRY(
        note_audit(database, fmt::format("set the evidence that boots must give: {}, it was {}",
                                         trust::evidence_name(evidence), trust::evidence_name(present))));
    ANCHORD_TRY(writing.commit());
    return true;
  });
}

Result<std::vector<Settled>> settle_phones(Store& store, std::span<const std::string> devices) {
  Database& database = store.session().database;
  return shared_write(
      store.session(), Guarded::no, [&](SharedWrite& writing) -> Result<std::vector<Settled>> {
        ANCHORD_TRY_ASSIGN(auto out, settle_rows(database, devices));
        for (const Settled& one : out)
          ANCHORD_TRY(note_audit(database, fmt::format("said that {}, at {}, has accepted ITL {:016x}",
                                                       one.device, one.address, one.itl)));
        ANCHORD_TRY(writing.commit());
        return out;
      });
}

}  // namespace anchord::store
