// Who may hold which lists: what the guards go by.
#include <algorithm>
#include <limits>
#include <map>

#include "anchord/phone/file_kind.h"
#include "anchord/trust/own_list.h"
#include "changes/guard.h"
#include "database/session.h"
#include "ledger/ledger_rows.h"
#include "tables/issued_lists.h"

namespace anchord::store {
namespace {

using trust::ListKind;
using trust::ListVersion;

// Lines that name phones name this many.
constexpr std::size_t kNamed = 3;

// After every gap that has an end.

void count(std::size_t& number, std::vector<std::string>& first, const std::string& device) {
  ++number;
  if (first.size() < kNamed) first.push_back(device);
}

// The versions of the lists of their own that phones are served, by name.
using OwnVersions = std::map<std::string, ListVersion>;

class Grouping {
 public:
  Grouping(const trust::ListShelf& shelf, OwnVersions own) : shelf_(shelf), own_(std::move(own)) {}

  void add(const LedgerEntry& entry) {
    ++all_.devices;
    const ListVersion own_ctl = own_version(entry.device, ListKind::ctl);
    const ListVersion own_itl = own_version(entry.device, ListKind::itl);
    bool unknown = false;
    for (ListVersion ctl : entry.may_hold(ListKind::ctl))
      for (ListVersion itl : entry.may_hold(ListKind::itl)) {
        if (is_kept(ctl) && is_kept(itl)) {
          trust::Holders& group = groups_[{ctl, itl, own_ctl, own_itl}];
          count(group.count, group.first, entry.device);
        } else {
          unknown = true;
        }
      }
    if (unknown) count(all_.unknown.count, all_.unknown.first, entry.device);
  }

  void add_never_seen(const std::string& device) {
    count(all_.never_seen.count, all_.never_seen.first, device);
  }
  void add_unproven() { ++all_.unproven; }

  AllHolders finish() && {
    for (auto& [versions, group] : groups_) {
      auto bytes = [&](std::size_t at) { return to_buffer(shelf_.content(versions[at])); };
      group.ctl = bytes(0);
      group.itl = bytes(1);
      group.own_ctl = bytes(2);
      group.own_itl = bytes(3);
      all_.groups.push_back(std::move(group));
    }
    return std::move(all_);
  }

 private:
  ListVersion own_version(const std::string& device, ListKind kind) const {
    auto own = own_.find(phone::own_list_file({device, kind}));
    return own == own_.end() ? trust::kNoList : own->second;
  }
  bool is_kept(ListVersion version) const { return version == trust::kNoList || shelf_.has(version); }

  const trust::ListShelf& shelf_;
  OwnVersions own_;
  std::map<std::array<ListVersion, 4>, trust::Holders> groups_;  // ctl, itl, own ctl, own itl
  AllHolders all_;
};

// One that was never heard of: of it is only known that there may have been a time before.
LedgerEntry never_heard_of(const std::string& device, const Gaps& gaps) {
  LedgerEntry unseen;
  unseen.device = device;
  unseen.unrecorded = gaps.of(unseen);
  return unseen;
}

// Whether the list is kept; then its bytes are taken in, unless they are there already.
Result<bool> take_list(Database& database, ListVersion version, std::map<ListVersion, Buffer>& lists) {
  if (lists.contains(version)) return true;
  if (version == trust::kNoList) {
    lists[version];
    return true;
  }
  Statement row(database, "SELECT content FROM issued_lists WHERE version = ? LIMIT 1",
                static_cast<std::int64_t>(version));
  if (!row.next()) {
    if (!row.ok()) return row.failure();
    return false;
  }
  if (version_of_list(row.blob(0)) != version) return false;
  lists.emplace(version, to_buffer(row.blob(0)));
  return true;
}

Result<std::vector<ListVersion>> kept_of(Database& database, const std::vector<ListVersion>& versions,
                                         std::map<ListVersion, Buffer>& lists) {
  std::vector<ListVersion> out;
  for (ListVersion version : versions) {
    ANCHORD_TRY_ASSIGN(auto kept, take_list(database, version, lists));
    if (kept) out.push_back(version);
  }
  return out;
}

}  // namespace

Result<AllHolders> read_holders(Database& database, const std::filesystem::path& state) {
  trust::ListShelf shelf;
  ANCHORD_TRY(fill_shelf(database, shelf));
  ANCHORD_TRY_ASSIGN(auto own, read_own_lists(database));
  ANCHORD_TRY_ASSIGN(auto entries, read_entries(database));
  ANCHORD_TRY_ASSIGN(auto expected, read_expected(database, state));
  ANCHORD_TRY_ASSIGN(auto gaps, Gaps::read(database));
  Grouping grouping(shelf, std::move(own));
  for (const LedgerEntry& entry : entries) {
    bool is_expected = expected.erase(entry.device) != 0;
    if (entry.removed && !is_expected) continue;
    if (!entry.belief.proven && !is_expected) {
      grouping.add_unproven();
      continue;
    }
    if (entry.seen == 0) grouping.add_never_seen(entry.device);
    grouping.add(entry);
  }
  for (const std::string& device : expected) {
    grouping.add_never_seen(device);
    grouping.add(never_heard_of(device, gaps));
  }
  return std::move(grouping).finish();
}

Result<AllHolders> holders(Store& store) {
  Database& database = store.session().database;
  ANCHORD_TRY(Transaction::read(database));
  return read_holders(database, store.session().directory);
}

Result<HeldPairs> held_pairs(Store& store, const std::set<std::string>& devices) {
  Database& database = store.session().database;
  ANCHORD_TRY(Transaction::read(database));
  ANCHORD_TRY_ASSIGN(auto entries, read_entries(database, devices.size() == 1 ? *devices.begin() : ""));
  ANCHORD_TRY_ASSIGN(auto gaps, Gaps::read(database));
  HeldPairs out;
  for (const std::string& device : devices) {
    auto heard = std::ranges::lower_bound(entries, device, {}, &LedgerEntry::device);
    const bool known = heard != entries.end() && heard->device == device;
    const LedgerEntry entry = known ? *heard : never_heard_of(device, gaps);
    ANCHORD_TRY_ASSIGN(auto ctls, kept_of(database, entry.may_hold(ListKind::ctl), out.lists));
    ANCHORD_TRY_ASSIGN(auto itls, kept_of(database, entry.may_hold(ListKind::itl), out.lists));
    auto& pairs = out.by_device[device];
    for (ListVersion ctl : ctls)
      for (ListVersion itl : itls) pairs.emplace(ctl, itl);
  }
  return out;
}

}  // namespace anchord::store
