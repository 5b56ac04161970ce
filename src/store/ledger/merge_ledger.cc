// Two copies of a ledger become one: nothing that a phone may hold by either is lost.
#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "anchord/phone/device_name.h"
#include "database/session.h"
#include "ledger/ledger_rows.h"

namespace anchord::store {
namespace {

using trust::Belief;
using Versions = std::vector<trust::ListVersion>;

// How two copies are put together.
struct Merging {
  std::int64_t last_gap = 0;
  UnixSeconds clocks_apart = 0;

  // A copy that was made later must not be taken for one by its clock alone.
  bool is_after(UnixSeconds accepted, UnixSeconds seen) const { return accepted - clocks_apart > seen; }
};

Versions united(const Versions& one, const Versions& other) {
  Versions both;
  std::ranges::set_union(one, other, std::back_inserter(both));
  if (both.size() > Belief::kMaxMay) both = {trust::kUnkeptList};
  return both;
}

// What it may hold by their copy, and by gaps of this one that end after what they know to be accepted: it
// may have been here then. `passed` is the last gap that it is known here to have accepted a list since.
Versions may_hold_by(const LedgerEntry& theirs, std::size_t which, const Gaps& here, std::int64_t passed,
                     const Merging& how) {
  const auto kind = static_cast<trust::ListKind>(which);
  LedgerEntry asked = theirs;
  asked.accepted_gap[which] =
      std::max(passed, here.last_before(theirs.belief.kinds[which].accepted_at - how.clocks_apart));
  return united(theirs.may_hold(kind), trust::may_hold(theirs.belief, kind, here.of(asked)));
}

// What one copy knows to be accepted after all that the other has seen holds for both. What a phone may hold
// by the other's gaps is part of what it may hold.
void merge(LedgerEntry& mine, const LedgerEntry& theirs, std::size_t which, const Gaps& here,
           const Merging& how) {
  Belief::Kind& kind = mine.belief.kinds[which];
  const Belief::Kind& other = theirs.belief.kinds[which];
  auto list_kind = static_cast<trust::ListKind>(which);
  if (how.is_after(kind.accepted_at, theirs.seen)) return;
  const bool theirs_is_right = how.is_after(other.accepted_at, mine.seen);
  Versions both = may_hold_by(theirs, which, here, mine.accepted_gap[which], how);
  if (!theirs_is_right) both = united(mine.may_hold(list_kind), both);
  kind.may = std::move(both);
  kind.accepted_at = theirs_is_right ? other.accepted_at : std::min(kind.accepted_at, other.accepted_at);
  kind.given = trust::kNoList;
  mine.accepted_gap[which] = how.last_gap;
}

void merge(LedgerEntry& mine, const LedgerEntry& theirs, const Gaps& here, const Merging& how) {
  // This is computed before the times of acceptance are merged.
  auto last = [](const LedgerEntry& entry) {
    return std::max(entry.belief.kinds[0].accepted_at, entry.belief.kinds[1].accepted_at);
  };
  if (mine.belief.home.empty() || last(theirs) > last(mine)) mine.belief.home = theirs.belief.home;
  for (std::size_t kind = 0; kind < trust::kListKinds; ++kind) merge(mine, theirs, kind, here, how);
  mine.belief.proven |= theirs.belief.proven;
  for (std::size_t kind = 0; kind < kDeliveredKinds; ++kind)
    if (theirs.given[kind].at > mine.given[kind].at) mine.given[kind] = theirs.given[kind];
  if (mine.model.empty()) mine.model = theirs.model;
  mine.questions = std::max(mine.questions, theirs.questions);
  mine.last_asked = std::max(mine.last_asked, theirs.last_asked);
  mine.created = std::min(mine.created, theirs.created);
  mine.removed = mine.seen >= theirs.seen ? mine.removed : theirs.removed;
  mine.seen = std::max(mine.seen, theirs.seen);
}

// One that was never heard of here, though it may have been here in a gap.
LedgerEntry taken_over(const LedgerEntry& theirs, const Gaps& here, const Merging& how) {
  LedgerEntry entry = theirs;
  for (std::size_t which = 0; which < trust::kListKinds; ++which) {
    entry.belief.kinds[which].may = may_hold_by(theirs, which, here, 0, how);
    entry.belief.kinds[which].given = trust::kNoList;
  }
  entry.accepted_gap.fill(how.last_gap);
  return entry;
}

// One that only this copy has heard of: whether it has accepted a list since all of their gaps.
void pass_gaps(LedgerEntry& mine, std::int64_t last_here, std::span<const LedgerGap> theirs,
               const Merging& how) {
  for (std::size_t kind = 0; kind < trust::kListKinds; ++kind) {
    const UnixSeconds accepted = mine.belief.kinds[kind].accepted_at;
    auto is_passed = [&](const LedgerGap& gap) { return how.is_after(accepted, gap.ended); };
    if (mine.accepted_gap[kind] == last_here && std::ranges::all_of(theirs, is_passed))
      mine.accepted_gap[kind] = how.last_gap;
  }
}

Result<std::int64_t> last_gap(Database& database) {
  Statement row(database, "SELECT ifnull(max(id), 0) FROM ledger_gaps");
  if (!row.next()) return row.failure();
  return row.integer(0);
}

// Gaps have numbers of each copy's own. Theirs concern phones that only this copy has heard of, too: they
// may have been there meanwhile.
Status add_gaps(Database& database, std::span<const LedgerGap> gaps) {
  for (const LedgerGap& gap : gaps)
    ANCHORD_TRY(execute(database, R"(INSERT INTO ledger_gaps (began, ended, unkept, why)
                                         SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (
                                           SELECT 1 FROM ledger_gaps
                                           WHERE began = ?1 AND ended = ?2 AND unkept = ?3 AND why = ?4))",
                        gap.began, gap.ended, gap.unkept, gap.why));
  return {};
}

Status put(LedgerRows& rows, const LedgerEntry& entry) {
  ANCHORD_TRY(rows.write(entry));
  for (std::size_t kind = 0; kind < kDeliveredKinds; ++kind)
    if (entry.given[kind].version != 0)
      ANCHORD_TRY(rows.write_delivered(entry.device, static_cast<DeliveredKind>(kind), entry.given[kind]));
  return {};
}

}  // namespace

Status merge_ledger(Store& store, std::span<const LedgerEntry> entries, std::span<const IssuedList> lists,
                    std::span<const LedgerGap> gaps, UnixSeconds clocks_apart) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(database));
  for (const IssuedList& list : lists)
    ANCHORD_TRY(execute(database, R"(INSERT INTO issued_lists (name, version, built_at, content)
                                  VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING)",
                        list.name, list.version, list.built_at, Bytes(list.content)));
  ANCHORD_TRY_ASSIGN(auto mine, read_entries(database));
  ANCHORD_TRY_ASSIGN(auto here, Gaps::read(database, gaps));
  ANCHORD_TRY_ASSIGN(auto last_here, last_gap(database));
  ANCHORD_TRY(add_gaps(database, gaps));
  ANCHORD_TRY_ASSIGN(auto last, last_gap(database));
  const Merging how{.last_gap = last, .clocks_apart = clocks_apart};
  {
    LedgerRows rows(database);
    std::set<std::string_view> in_both;
    for (const LedgerEntry& theirs : entries) {
      if (phone::device_name(theirs.device) != theirs.device) continue;
      auto at = std::ranges::lower_bound(mine, theirs.device, {}, &LedgerEntry::device);
      bool known = at != mine.end() && at->device == theirs.device;
      if (known) {
        merge(*at, theirs, here, how);
        in_both.insert(at->device);
      }
      ANCHORD_TRY(put(rows, known ? *at : taken_over(theirs, here, how)));
    }
    for (LedgerEntry& only_mine : mine) {
      if (how.last_gap == last_here || in_both.contains(only_mine.device)) continue;
      pass_gaps(only_mine, last_here, gaps, how);
      ANCHORD_TRY(rows.write(only_mine));
    }
  }
  return writing.commit();
}

}  // namespace anchord::store
