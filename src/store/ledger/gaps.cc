// Times of which the ledger's records may be missing, and what phones may hold by that.
#include <algorithm>

#include "anchord/phone/file_kind.h"
#include "anchord/trust/own_list.h"
#include "database/session.h"
#include "ledger/ledger_rows.h"
#include "tables/issued_lists.h"

namespace anchord::store {
namespace {

using trust::ListKind;
using trust::ListVersion;

struct Served {
  std::string name;
  ListVersion version = 0;
  UnixSeconds from = 0;
  UnixSeconds until = 0;  // the next of that name was built
};

// When which list was served.
Result<std::vector<Served>> read_served(Database& database) {
  std::vector<Served> out;
  Statement row(database, R"(
    SELECT name, version, built_at,
      ifnull(lead(built_at) OVER (PARTITION BY name ORDER BY built_at, rowid), 9223372036854775807)
    FROM issued_lists)");
  while (row.next())
    out.push_back(
        {std::string(row.text(0)), static_cast<ListVersion>(row.integer(1)), row.integer(2), row.integer(3)});
  if (!row.ok()) return row.failure();
  return out;
}

// Phones of a cluster that never was in mixed mode hold no CTL, kept or not.
Result<bool> read_has_ctl(Database& database) {
  Statement row(database, "SELECT has_ctl FROM cluster");
  if (!row.next()) return row.failure();
  return row.integer(0) != 0;
}

struct NumberedGap {
  std::int64_t number = 0;
  LedgerGap gap;
};

Result<std::vector<NumberedGap>> read_gaps(Database& database) {
  std::vector<NumberedGap> gaps;
  Statement row(database, "SELECT id, began, ended, why, unkept FROM ledger_gaps ORDER BY id");
  while (row.next())
    gaps.push_back(
        {row.integer(0), {row.integer(1), row.integer(2), std::string(row.text(3)), row.integer(4) != 0}});
  if (!row.ok()) return row.failure();
  return gaps;
}

void add(trust::Unrecorded& to, const trust::Unrecorded& from, std::size_t kind) {
  to[kind].insert(to[kind].end(), from[kind].begin(), from[kind].end());
}

// A gap that goes on is one, with a new number, for phones may have accepted a list meanwhile: stops a store
// that fails each second from making rows.
constexpr UnixSeconds kSameGap = 60;

Result<bool> prolong(Database& database, const LedgerGap& gap) {
  Statement row(database,
                R"(UPDATE ledger_gaps SET id = id + 1, ended = max(ended, ?1), began = min(began, ?2)
                             WHERE id = (SELECT max(id) FROM ledger_gaps)
                               AND why = ?3 AND unkept = ?4 AND ended >= ?2 - ?5 AND began <= ?1
                             RETURNING 1)",
                gap.ended, gap.began, gap.why, gap.unkept, kSameGap);
  bool done = row.next();
  while (row.next()) {
  }
  if (!row.ok()) return row.failure();
  return done;
}

Status add_gap(Database& database, const LedgerGap& gap) {
  ANCHORD_TRY_ASSIGN(auto prolonged, prolong(database, gap));
  if (prolonged) return {};
  return execute(database, "INSERT INTO ledger_gaps (began, ended, unkept, why) VALUES (?, ?, ?, ?)",
                 gap.began, gap.ended, gap.unkept, gap.why);
}

// A phone that booted for the first time in a gap is heard of within this time: it looks for its
// firmware and settings, and is restarted by whoever sets it up. A name first heard of later is a
// new phone's, of which each would else be unsure for as long as the cluster lives.
constexpr UnixSeconds kFirstHeardOf = 7 * kSecondsPerDay;

// They are concerned too, although nothing was heard of them yet.
Status note_expected(Database& database, const std::filesystem::path& state, UnixSeconds when) {
  ANCHORD_TRY_ASSIGN(auto expected, read_expected(database, state));
  LedgerRows rows(database);
  for (const std::string& device : expected) {
    ANCHORD_TRY_ASSIGN(auto entry, rows.read(device));
    if (entry) continue;
    LedgerEntry unseen;
    unseen.device = device;
    unseen.created = when;
    ANCHORD_TRY(rows.write(unseen));
  }
  return {};
}

// Their own lists, as they are served now.
Status note_own_lists(Database& database) {
  ANCHORD_TRY_ASSIGN(auto own, read_own_lists(database));
  LedgerRows rows(database);
  for (const auto& [file, version] : own) {
    auto name = phone::list_name(file);
    if (!name || name->device.empty()) continue;
    ANCHORD_TRY_ASSIGN(auto entry, rows.read(name->device));
    if (!entry) continue;
    const trust::Observation maybe{.what = trust::Observation::What::list_maybe_given,
                                   .kind = name->kind,
                                   .version = version,
                                   .from = {}};
    trust::Belief& belief = entry->belief;
    trust::observe(belief, {&maybe, 1}, belief.session, trust::ListShelf(), {}, 0);
    ANCHORD_TRY(rows.write(*entry));
  }
  return {};
}

}  // namespace

Result<Gaps> Gaps::read(Database& database, std::span<const LedgerGap> without) {
  Gaps out;
  ANCHORD_TRY_ASSIGN(auto gaps, read_gaps(database));
  if (gaps.empty()) return out;
  out.last_ = gaps.back().number;
  ANCHORD_TRY_ASSIGN(auto has_ctl, read_has_ctl(database));
  ANCHORD_TRY_ASSIGN(auto served, read_served(database));
  for (NumberedGap& one : gaps) {
    if (std::ranges::find(without, one.gap) != without.end()) continue;
    Gap& made = out.gaps_.emplace_back(one.number, std::move(one.gap), trust::Unrecorded());
    for (const Served& list : served) {
      auto name = phone::list_name(list.name);
      if (!name || !name->device.empty()) continue;
      if (list.from > made.gap.ended || list.until < made.gap.began) continue;
      made.lists[static_cast<std::size_t>(name->kind)].push_back(list.version);
    }
    if (!made.gap.unkept) continue;
    made.lists[static_cast<std::size_t>(ListKind::itl)].push_back(trust::kUnkeptList);
    if (has_ctl) made.lists[static_cast<std::size_t>(ListKind::ctl)].push_back(trust::kUnkeptList);
  }
  return out;
}

trust::Unrecorded Gaps::of(const LedgerEntry& entry) const {
  trust::Unrecorded out;
  for (const Gap& one : gaps_) {
    // The time before there was a ledger concerns everybody.
    if (one.gap.began != 0 && entry.created > one.gap.ended + kFirstHeardOf) continue;
    for (std::size_t kind = 0; kind < trust::kListKinds; ++kind) {
      if (entry.accepted_gap[kind] >= one.number) continue;
      add(out, one.lists, kind);
    }
  }
  return out;
}

std::int64_t Gaps::last_before(UnixSeconds time) const {
  std::int64_t number = 0;
  for (const Gap& one : gaps_) {
    if (one.gap.ended >= time) break;
    number = one.number;
  }
  return number;
}

Status note_gap(Store& store, const LedgerGap& gap) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(database));
  ANCHORD_TRY(note_expected(database, store.session().directory, gap.ended));
  ANCHORD_TRY(note_own_lists(database));
  ANCHORD_TRY(execute(database, "UPDATE ledger SET itl_given = 0, ctl_given = 0"));
  ANCHORD_TRY(add_gap(database, gap));
  return writing.commit();
}

Result<std::vector<LedgerGap>> ledger_gaps(Store& store) {
  ANCHORD_TRY_ASSIGN(auto numbered, read_gaps(store.session().database));
  std::vector<LedgerGap> out;
  for (NumberedGap& one : numbered) out.push_back(std::move(one.gap));
  return out;
}

}  // namespace anchord::store
