// The ledger: what phones were given and asked, and what they may hold by that.
#include "anchord/store/ledger.h"

#include <algorithm>
#include <ranges>

#include "anchord/phone/device_name.h"
#include "anchord/phone/file_kind.h"
#include "database/session.h"
#include "ledger/ledger_rows.h"
#include "tables/check_text.h"
#include "tables/cluster.h"
#include "tables/issued_lists.h"

namespace anchord::store {
namespace {

// The devices that the names of a folder's files say.
template <class DeviceOf>
void add_devices_in(const std::filesystem::path& folder, std::set<std::string>& devices, DeviceOf device_of) {
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(folder, none))
    if (std::optional<std::string> device = device_of(file.path().filename().string()))
      devices.insert(std::move(*device));
}

Result<std::int64_t> count_devices(Database& database, bool proven) {
  Statement row(database, "SELECT count(*) FROM ledger WHERE proven = ?", proven);
  if (!row.next()) return row.failure();
  return row.integer(0);
}

void take_facts(LedgerEntry& entry, const LedgerChange& change) {
  if (check_text("model", change.model) && !change.model.empty()) entry.model = change.model;
  entry.questions += change.questions;
  entry.last_asked = std::max(entry.last_asked, change.last_asked);
  entry.seen = std::max(entry.seen, change.heard);
  if (entry.created == 0) entry.created = change.heard;
  if (change.heard == 0) return;
  entry.removed = false;  // it is there after all, and may hold what it held
}

class Notebook {
 public:
  Notebook(Database& database, const trust::ListShelf& shelf, Gaps gaps, std::int64_t proven,
           trust::Evidence evidence)
      : rows_(database), shelf_(shelf), gaps_(std::move(gaps)), proven_(proven), evidence_(evidence) {}

  Status take(const LedgerChange& change, std::uint64_t session) {
    auto device = phone::device_name(change.device);
    if (!device) return {};
    ANCHORD_TRY_ASSIGN(auto found, rows_.read(*device));
    LedgerEntry entry = found ? std::move(*found) : LedgerEntry();
    entry.device = *device;
    bool was_proven = entry.belief.proven;
    take_facts(entry, change);
    trust::observe(entry.belief, change.seen, session, shelf_, gaps_.of(entry), entry.seen, evidence_);
    for (std::size_t kind = 0; kind < trust::kListKinds; ++kind)
      if (entry.belief.kinds[kind].settled != 0) entry.accepted_gap[kind] = gaps_.last();
    if (!was_proven && entry.belief.proven && ++proven_ > static_cast<std::int64_t>(kMaxLedgerDevices)) {
      entry.belief.proven = false;
      --proven_;
    }
    ANCHORD_TRY(rows_.write(entry));
    for (std::size_t kind = 0; kind < kDeliveredKinds; ++kind) {
      const DeliveredFile& given = change.given[kind];
      if (given.version == 0) continue;
      ANCHORD_TRY(rows_.write_delivered(*device, static_cast<DeliveredKind>(kind), given));
    }
    return {};
  }

 private:
  LedgerRows rows_;
  const trust::ListShelf& shelf_;
  Gaps gaps_;
  std::int64_t proven_;
  trust::Evidence evidence_;
};

}  // namespace

Result<std::set<std::string>> read_expected(Database& database, const std::filesystem::path& state) {
  std::set<std::string> devices;
  Statement row(database, "SELECT name FROM phones");
  while (row.next()) devices.emplace(row.text(0));
  if (!row.ok()) return row.failure();
  add_devices_in(state / "provisioning", devices, phone::configured_device);
  // A certificate, whatever follows the device's name.
  add_devices_in(state / "devices", devices,
                 [](std::string_view name) { return phone::device_name(phone::device_at_front(name)); });
  return devices;
}

Result<std::set<std::string>> expected_devices(Store& store) {
  return read_expected(store.session().database, store.session().directory);
}

Status forget_unproven(Database& database, const std::filesystem::path& state) {
  ANCHORD_TRY_ASSIGN(auto unproven, count_devices(database, false));
  std::int64_t too_many = unproven - static_cast<std::int64_t>(kMaxUnproven);
  if (too_many <= 0) return {};
  ANCHORD_TRY_ASSIGN(auto expected, read_expected(database, state));
  std::vector<std::string> gone;
  {
    Statement row(database, "SELECT device FROM ledger WHERE proven = 0 ORDER BY seen");
    while (static_cast<std::int64_t>(gone.size()) < too_many && row.next())
      if (!expected.contains(std::string(row.text(0)))) gone.emplace_back(row.text(0));
    if (!row.ok()) return row.failure();
  }
  for (const std::string& device : gone)
    ANCHORD_TRY(execute(database, "DELETE FROM ledger WHERE device = ?", device));
  return {};
}

Status note_in_ledger(Store& store, std::span<const LedgerChange> changes, std::uint64_t session) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(database));
  trust::ListShelf& shelf = store.session().shelf;
  ANCHORD_TRY(fill_shelf(database, shelf));
  ANCHORD_TRY_ASSIGN(auto gaps, Gaps::read(database));
  ANCHORD_TRY_ASSIGN(auto proven, count_devices(database, true));
  ANCHORD_TRY_ASSIGN(auto evidence, read_evidence(database));
  {
    Notebook notebook(database, shelf, std::move(gaps), proven, evidence);
    for (const LedgerChange& change : changes) ANCHORD_TRY(notebook.take(change, session));
  }
  ANCHORD_TRY(forget_unproven(database, store.session().directory));
  return writing.commit();
}

Result<std::vector<LedgerEntry>> ledger(Store& store) {
  return read_entries(store.session().database);
}

Result<std::vector<HeardFrom>> heard_from(Store& store, UnixSeconds since) {
  std::vector<HeardFrom> out;
  Statement row(store.session().database,
                "SELECT device, address, at FROM ledger_given WHERE at >= ? ORDER BY at", since);
  while (row.next()) out.push_back({std::string(row.text(0)), std::string(row.text(1)), row.integer(2)});
  if (!row.ok()) return row.failure();
  return out;
}

Result<std::size_t> ledger_size(Store& store) {
  Statement row(store.session().database, "SELECT count(*) FROM ledger");
  if (!row.next()) return row.failure();
  return static_cast<std::size_t>(row.integer(0));
}

}  // namespace anchord::store
