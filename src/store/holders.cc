// Who may hold which lists: what the guards go by.
#include <limits>
#include <map>

#include "anchord/trust/own_list.h"
#include "guard.h"
#include "impl.h"
#include "ledger_rows.h"

namespace anchord::store {
namespace {

using trust::ListKind;
using trust::ListVersion;

// Lines that name phones name this many.
constexpr std::size_t kNamed = 3;

// After every gap that has an end.
constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();

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
    auto own = own_.find(trust::own_list_file({device, kind}));
    return own == own_.end() ? trust::kNoList : own->second;
  }
  bool is_kept(ListVersion version) const { return version == trust::kNoList || shelf_.has(version); }

  const trust::ListShelf& shelf_;
  OwnVersions own_;
  std::map<std::array<ListVersion, 4>, trust::Holders> groups_;  // ctl, itl, own ctl, own itl
  AllHolders all_;
};

}  // namespace

Result<AllHolders> read_holders(Database& database, const std::filesystem::path& state) {
  trust::ListShelf shelf;
  if (auto filled = fill_shelf(database, shelf); !filled) return std::unexpected(filled.error());
  auto own = read_own_lists(database);
  if (!own) return std::unexpected(own.error());
  auto entries = read_entries(database);
  if (!entries) return std::unexpected(entries.error());
  auto expected = read_expected(database, state);
  if (!expected) return std::unexpected(expected.error());
  auto gaps = Gaps::read(database);
  if (!gaps) return std::unexpected(gaps.error());
  Grouping grouping(shelf, std::move(*own));
  for (const LedgerEntry& entry : *entries) {
    bool is_expected = expected->erase(entry.device) != 0;
    if (entry.removed && !is_expected) continue;
    if (!entry.belief.proven && !is_expected) {
      grouping.add_unproven();
      continue;
    }
    if (entry.seen == 0) grouping.add_never_seen(entry.device);
    grouping.add(entry);
  }
  // Of those who were never heard of it is only known that there may have been a time before.
  for (const std::string& device : *expected) {
    grouping.add_never_seen(device);
    LedgerEntry unseen{
        .device = device, .given = {}, .model = {}, .created_gap = kEver, .belief = {}, .unrecorded = {}};
    unseen.unrecorded = gaps->of(unseen);
    grouping.add(unseen);
  }
  return std::move(grouping).finish();
}

Result<AllHolders> holders(Store& store) {
  Database& database = Inside::database(store);
  auto reading = Transaction::read(database);
  if (!reading) return std::unexpected(reading.error());
  return read_holders(database, Inside::directory(store));
}

}  // namespace anchord::store
