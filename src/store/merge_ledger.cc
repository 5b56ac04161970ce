// Two copies of a ledger become one: nothing that a phone may hold by either is lost.
#include <algorithm>
#include <iterator>

#include "impl.h"
#include "ledger_rows.h"

namespace anchord::store {
namespace {

using trust::Belief;
using trust::ListVersion;

// What one copy knows to be accepted after all that the other has seen holds for both.
void merge(Belief::Kind& mine, const Belief::Kind& theirs, UnixSeconds my_seen, UnixSeconds their_seen) {
  if (mine.accepted_at > their_seen) return;
  if (theirs.accepted_at > my_seen) {
    mine.may = theirs.may;
    mine.accepted_at = theirs.accepted_at;
    mine.given = trust::kNoList;
    return;
  }
  std::vector<ListVersion> both;
  std::ranges::set_union(mine.may, theirs.may, std::back_inserter(both));
  if (both.size() > Belief::kMaxMay) both = {trust::kUnkeptList};
  mine.may = std::move(both);
  mine.accepted_at = std::min(mine.accepted_at, theirs.accepted_at);
  mine.given = trust::kNoList;
}

void merge(LedgerEntry& mine, const LedgerEntry& theirs) {
  for (std::size_t kind = 0; kind < trust::kListKinds; ++kind)
    merge(mine.belief.kinds[kind], theirs.belief.kinds[kind], mine.seen, theirs.seen);
  mine.belief.proven |= theirs.belief.proven;
  for (std::size_t kind = 0; kind < kGivenKinds; ++kind)
    if (theirs.given[kind].at > mine.given[kind].at) mine.given[kind] = theirs.given[kind];
  if (mine.model.empty()) mine.model = theirs.model;
  mine.questions = std::max(mine.questions, theirs.questions);
  mine.last_asked = std::max(mine.last_asked, theirs.last_asked);
  mine.created = std::min(mine.created, theirs.created);
  mine.removed = mine.seen >= theirs.seen ? mine.removed : theirs.removed;
  mine.seen = std::max(mine.seen, theirs.seen);
}

Status put(LedgerRows& rows, const LedgerEntry& entry) {
  if (auto done = rows.write(entry); !done) return done;
  for (std::size_t kind = 0; kind < kGivenKinds; ++kind)
    if (entry.given[kind].version != 0)
      if (auto done = rows.write_given(entry.device, static_cast<Given>(kind), entry.given[kind]); !done)
        return done;
  return {};
}

}  // namespace

Status merge_ledger(Store& store, std::span<const LedgerEntry> entries, std::span<const HandedOut> lists,
                    std::span<const LedgerGap> gaps) {
  Database& database = Inside::database(store);
  auto writing = Transaction::write(database);
  if (!writing) return std::unexpected(writing.error());
  Status done;
  for (const HandedOut& list : lists)
    if (done)
      done = execute(database, R"(INSERT INTO handed_out (name, version, built_at, content)
                                  VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING)",
                     list.name, list.version, list.built_at, Bytes(list.content));
  for (const LedgerGap& gap : gaps)
    if (done)
      done = execute(database, R"(INSERT INTO ledger_gaps (began, ended, unkept, why)
                                  SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (
                                    SELECT 1 FROM ledger_gaps
                                    WHERE began = ?1 AND ended = ?2 AND unkept = ?3 AND why = ?4))",
                     gap.began, gap.ended, gap.unkept, gap.why);
  if (!done) return done;
  {
    auto mine = read_entries(database);
    if (!mine) return std::unexpected(mine.error());
    LedgerRows rows(database);
    for (const LedgerEntry& theirs : entries) {
      if (trust::phone_name(theirs.device) != theirs.device) continue;
      auto at = std::ranges::lower_bound(*mine, theirs.device, {}, &LedgerEntry::device);
      bool known = at != mine->end() && at->device == theirs.device;
      if (known) merge(*at, theirs);
      if (done = put(rows, known ? *at : theirs); !done) return done;
    }
  }
  return writing->commit();
}

}  // namespace anchord::store
