// The ledger: what phones were given and asked.
#include "anchord/store/ledger.h"

#include <algorithm>

#include "impl.h"

namespace anchord::store {
namespace {

// Gives up what was unsure when this was given in full after it, and keeps what was given in
// full when the new is unsure only: its place, then, is what was given before.
constexpr char kPutGiven[] = R"sql(
INSERT INTO ledger_given (device, kind, file, version, at, unsure, protocol, address)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (device, kind) DO UPDATE SET
  file = iif(?4 = 0 AND version <> 0, file, ?3),
  version = iif(?4 = 0, version, ?4),
  at = iif(?4 = 0 AND version <> 0, at, ?5),
  unsure = iif(?4 = 0 AND version = ?6, 0, ?6),
  protocol = iif(?4 = 0 AND version <> 0, protocol, ?7),
  address = iif(?4 = 0 AND version <> 0, address, ?8)
)sql";

constexpr char kPutDevice[] = R"sql(
INSERT INTO ledger (device, model, questions, last_asked, seen) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (device) DO UPDATE SET
  model = iif(?2 = '', model, ?2),
  questions = questions + ?3,
  last_asked = max(last_asked, ?4),
  seen = max(seen, ?5)
)sql";

UnixSeconds last_seen(const LedgerChange& change) {
  UnixSeconds seen = change.last_asked;
  for (const GivenFile& given : change.given) seen = std::max(seen, given.at);
  return seen;
}

// What has no rows.
void run(Statement& statement) {
  while (statement.next()) {
  }
}

Status put_changes(Database& database, std::span<const LedgerChange> changes) {
  Statement put_device(database, kPutDevice);
  Statement put_given(database, kPutGiven);
  for (const LedgerChange& change : changes) {
    auto device = trust::phone_name(change.device);
    if (!device) continue;
    bool good_model = check_text("model", change.model).has_value();
    put_device.restart(*device, good_model ? std::string_view(change.model) : "", change.questions,
                       change.last_asked, last_seen(change));
    run(put_device);
    for (std::size_t kind = 0; kind < kGivenKinds; ++kind) {
      const GivenFile& given = change.given[kind];
      if (given.version == 0 && given.unsure == 0) continue;
      put_given.restart(*device, kind, given.file, given.version, given.at,
                        given.unsure == given.version ? 0 : given.unsure, given.protocol, given.address);
      run(put_given);
    }
  }
  if (!put_device.ok()) return put_device.failure();
  if (!put_given.ok()) return put_given.failure();
  return {};
}

Result<std::int64_t> count_devices(Database& database) {
  Statement row(database, "SELECT count(*) FROM ledger");
  if (!row.next()) return row.failure();
  return row.integer(0);
}

Status forget_the_silent(Database& database) {
  auto devices = count_devices(database);
  if (!devices) return std::unexpected(devices.error());
  std::int64_t too_many = *devices - static_cast<std::int64_t>(kMaxLedgerDevices);
  if (too_many <= 0) return {};
  return execute(database, R"(DELETE FROM ledger WHERE device IN (
                                SELECT device FROM ledger
                                ORDER BY device IN (SELECT name FROM phones), seen LIMIT ?))",
                 too_many);
}

// Entries of the devices that `where` selects, by device.
template <class... Values>
Result<std::vector<LedgerEntry>> read_entries(Database& database, const std::string& where,
                                              const Values&... values) {
  std::vector<LedgerEntry> entries;
  Statement row(database,
                R"(SELECT ledger.device, model, questions, last_asked, kind, file, version, at,
                               unsure, protocol, address
                             FROM ledger LEFT JOIN ledger_given ON ledger_given.device = ledger.device )" +
                    where + " ORDER BY ledger.device, kind",
                values...);
  while (row.next()) {
    if (entries.empty() || entries.back().device != row.text(0))
      entries.push_back({.device = std::string(row.text(0)),
                         .given = {},
                         .model = std::string(row.text(1)),
                         .questions = static_cast<std::uint64_t>(row.integer(2)),
                         .last_asked = row.integer(3)});
    if (row.text(4).empty()) continue;  // nothing was given
    entries.back().given[static_cast<std::size_t>(row.integer(4))] = {
        .file = std::string(row.text(5)),
        .version = static_cast<std::uint64_t>(row.integer(6)),
        .at = row.integer(7),
        .unsure = static_cast<std::uint64_t>(row.integer(8)),
        .protocol = std::string(row.text(9)),
        .address = std::string(row.text(10))};
  }
  if (!row.ok()) return row.failure();
  return entries;
}

}  // namespace

Status note_in_ledger(Store& store, std::span<const LedgerChange> changes) {
  Database& database = Inside::database(store);
  auto writing = Transaction::write(database);
  if (!writing) return std::unexpected(writing.error());
  if (auto done = put_changes(database, changes); !done) return done;
  if (auto done = forget_the_silent(database); !done) return done;
  return writing->commit();
}

Result<std::optional<LedgerEntry>> ledger_entry(Store& store, std::string_view device) {
  auto entries = read_entries(Inside::database(store), "WHERE ledger.device = ?", device);
  if (!entries) return std::unexpected(entries.error());
  if (entries->empty()) return std::nullopt;
  return std::move(entries->front());
}

Result<std::vector<LedgerEntry>> ledger(Store& store) {
  return read_entries(Inside::database(store), "");
}

Result<std::size_t> ledger_size(Store& store) {
  auto devices = count_devices(Inside::database(store));
  if (!devices) return std::unexpected(devices.error());
  return static_cast<std::size_t>(*devices);
}

Status forget_in_ledger(Store& store, std::span<const std::string> devices) {
  Database& database = Inside::database(store);
  auto writing = Transaction::write(database);
  if (!writing) return std::unexpected(writing.error());
  Statement forget(database, "DELETE FROM ledger WHERE device = ?");
  for (const std::string& device : devices) {
    forget.restart(device);
    run(forget);
  }
  if (!forget.ok()) return forget.failure();
  return writing->commit();
}

}  // namespace anchord::store
