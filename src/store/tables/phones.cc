#include "tables/phones.h"

#include <fmt/core.h>

#include "anchord/base/hex.h"
#include "anchord/phone/device_name.h"
#include "anchord/store/phones.h"
#include "database/session.h"
#include "replica/shared_write.h"
#include "tables/audit.h"
#include "tables/certificates.h"
#include "tables/check_text.h"
#include "tables/device_folder.h"

namespace anchord::store {
namespace {

std::unexpected<Error> no_phone(std::string_view name) {
  return fail(fmt::format("there is no phone '{}': 'anchorctl phone list' shows all", name));
}

// Reads a phone from a row of name, model, sha256, certificate.
Result<trust::Phone> read_phone(const Database& database, const Statement& row) {
  trust::Phone phone{std::string(row.text(0)), std::string(row.text(1)), {}};
  if (phone::device_name(phone.name) != phone.name) return database.damaged("a phone's name");
  if (row.text(2).empty()) return phone;
  auto certificate = read_certificate(database, row, 2, 3);
  if (!certificate) return std::unexpected(std::move(certificate.error()).within("phone " + phone.name));
  phone.certificate = std::move(*certificate);
  return phone;
}

Status check_phone(const trust::Phone& phone) {
  if (phone::device_name(phone.name) != phone.name)
    return fail(
        fmt::format("'{}' is not a phone's name: give SEP and the 12 hexadecimal digits of its "
                    "MAC address, as SEP001122334455",
                    phone.name));
  return check_text("model of " + phone.name, phone.model);
}

// Gives a row when something has changed.
constexpr char kPut[] = R"sql(
INSERT INTO phones (name, model, sha256, certificate)
VALUES (?1, ?2, nullif(?3, ''), iif(?3 = '', NULL, ?4))
ON CONFLICT (name) DO UPDATE SET
  model = iif(?2 = '', model, ?2),
  sha256 = iif(?3 = '', sha256, ?3),
  certificate = iif(?3 = '', certificate, ?4)
WHERE ?2 NOT IN ('', model) OR (?3 <> '' AND ?3 IS NOT sha256)
RETURNING 1
)sql";

// Whether the statement, which gives a row or none, gave one.
Result<bool> gives_row(Statement& statement) {
  bool found = statement.next();
  while (statement.next()) {
  }
  if (!statement.ok()) return statement.failure();
  return found;
}

std::string describe_phone(const trust::Phone& phone) {
  std::string text = "phone " + phone.name;
  if (!phone.model.empty()) text += ", model " + phone.model;
  if (phone.certificate) text += ", certificate " + short_hash(*phone.certificate);
  return text;
}

}  // namespace

Result<std::vector<trust::Phone>> read_phones(Database& database) {
  std::vector<trust::Phone> phones;
  Statement row(database, "SELECT name, model, sha256, certificate FROM phones ORDER BY name");
  while (row.next()) {
    ANCHORD_TRY_ASSIGN(auto phone, read_phone(database, row));
    phones.push_back(std::move(phone));
  }
  if (!row.ok()) return row.failure();
  return phones;
}

Status put_phones(Store& store, std::span<const trust::Phone> phones) {
  Database& database = store.session().database;
  return shared_write(store.session(), Guarded::no, [&](SharedWrite& writing) -> Status {
    Statement put(database, kPut);
    for (const trust::Phone& phone : phones) {
      ANCHORD_TRY(check_phone(phone));
      const auto& certificate = phone.certificate;
      put.restart(phone.name, phone.model, certificate ? to_hex(certificate->sha256()) : "",
                  certificate ? certificate->der() : Bytes());
      ANCHORD_TRY_ASSIGN(auto changed, gives_row(put));
      if (!changed) continue;
      ANCHORD_TRY(note_change(database, "put " + describe_phone(phone)));
    }
    return writing.commit();
  });
}

namespace {

// In the open transaction.
Status remove_rows(Database& database, std::span<const std::string> names, const DeviceFiles& files) {
  Statement remove(database, "DELETE FROM phones WHERE name = ? RETURNING 1");
  // What it may hold stays known, should it be seen again.
  Statement forget(database, "UPDATE ledger SET removed = 1 WHERE device = ? AND NOT removed RETURNING 1");
  for (const std::string& name : names) {
    remove.restart(name);
    ANCHORD_TRY_ASSIGN(auto removed, gives_row(remove));
    forget.restart(name);
    ANCHORD_TRY_ASSIGN(auto forgotten, gives_row(forget));
    if (!removed && !forgotten && !files.contains(name)) return no_phone(name);
    std::string what = fmt::format("removed phone {}", name);
    ANCHORD_TRY(removed ? note_change(database, what) : note_audit(database, what));
  }
  return {};
}

}  // namespace

Status remove_phones(Store& store, std::span<const std::string> names) {
  Session& session = store.session();
  std::optional<DeviceFiles> files;
  return shared_write(session, Guarded::no, [&](SharedWrite& writing) -> Status {
    if (!files) {
      ANCHORD_TRY_ASSIGN(files, device_files_by_phone(session.directory));
    }
    ANCHORD_TRY(remove_rows(session.database, names, *files));
    // Before the rows are gone for good: killed in between, the same command does the rest.
    for (const std::string& name : names) {
      for (auto [at, end] = files->equal_range(name); at != end; ++at)
        ANCHORD_TRY(remove_device_file(session.directory, at->second));
    }
    return writing.commit();
  });
}

Result<trust::Phone> find_phone(Store& store, std::string_view name) {
  Statement row(store.session().database,
                "SELECT name, model, sha256, certificate FROM phones WHERE name = ?", name);
  if (!row.next()) return row.ok() ? Result<trust::Phone>(no_phone(name)) : row.failure();
  return read_phone(store.session().database, row);
}

}  // namespace anchord::store
