#include "changes/migrate.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cassert>
#include <optional>

#include "database/open_database.h"
#include "database/schema.h"
#include "database/state_folder.h"
#include "tables/audit.h"
#include "tables/certificates.h"
#include "tables/identities.h"
#include "tables/issued_lists.h"
#include "tables/keys.h"

namespace anchord::store {
namespace {

Result<NewIdentity> identity_for_https(Database& database) {
  Statement row(database, R"(SELECT sha256, certificate, name, address FROM identities,
                               (SELECT name, address FROM hosts ORDER BY position LIMIT 1)
                             WHERE service = 'tftp')");
  if (!row.next()) {
    if (!row.ok()) return row.failure();
    return database.damaged("the own certificates are not complete");
  }
  ANCHORD_TRY_ASSIGN(auto tftp, read_certificate(database, row, 0, 1));
  trust::Host host{std::string(row.text(2)), addresses_from_text(row.text(3))};
  return make_tftp_ec(tftp, host, calendar_now(), 0);
}

// SQLite cannot change a table's checks: its rows move to a new one.
Status to_version_2(Database& database) {
  ANCHORD_TRY(database.run("ALTER TABLE identities RENAME TO identities_1; DROP INDEX identity_of_service"));
  ANCHORD_TRY(database.run(kIdentityTable));
  ANCHORD_TRY(database.run(R"(INSERT INTO identities (service, host, sha256, certificate, key_file)
                             SELECT service, host, sha256, certificate, key_file FROM identities_1;
                           DROP TABLE identities_1)"));
  return database.run(kProvisioningTables);
}

Status to_version_3(Database& database) {
  ANCHORD_TRY(database.run(R"(ALTER TABLE cluster RENAME TO cluster_2;
                              ALTER TABLE certificates RENAME TO certificates_2;
                              ALTER TABLE audit RENAME TO audit_2)"));
  ANCHORD_TRY(database.run(kExtendedTables));
  ANCHORD_TRY(database.run(kIssuedListsTable));
  ANCHORD_TRY(execute(database,
                      R"(INSERT INTO cluster (id, cluster_id, name, mode, has_ctl, rolling_back, digest,
                                           spelling, change_counter)
                      SELECT id, ?, name, mode, mode = 'mixed', 0, digest, spelling, change_counter
                      FROM cluster_2)",
                      new_cluster_id()));
  return database.run(R"(INSERT INTO certificates (sha256, roles, ttl, certificate)
                             SELECT sha256, roles, ttl, certificate FROM certificates_2 ORDER BY rowid;
                           INSERT INTO audit (id, time, who, what, forced)
                             SELECT id, time, who, what, 0 FROM audit_2;
                           DROP TABLE cluster_2;
                           DROP TABLE certificates_2;
                           DROP TABLE audit_2)");
}

// Phones hold them already.
Status keep_saved_lists(Database& database) {
  Statement row(database, "SELECT name, content, built_at FROM lists");
  while (row.next()) ANCHORD_TRY(keep_issued_list(database, row.text(0), row.blob(1), row.integer(2)));
  if (!row.ok()) return row.failure();
  return {};
}

// What was given last may have been accepted, or not: until its next boot a phone may hold it, what
// was unsure beside it, what it had before, or nothing.
Status keep_former_ledger(Database& database) {
  ANCHORD_TRY(database.run(R"(ALTER TABLE ledger RENAME TO ledger_3;
                              ALTER TABLE ledger_given RENAME TO ledger_given_3;
                              DROP INDEX ledger_by_silence)"));
  ANCHORD_TRY(database.run(kLedgerTables));
  return database.run(R"(
      CREATE TEMP VIEW may_3 AS
        SELECT device, kind, '0000000000000000' AS version FROM ledger_given_3
        UNION SELECT device, kind, printf('%016x', version) FROM ledger_given_3
        UNION SELECT device, kind, printf('%016x', unsure) FROM ledger_given_3;
      INSERT INTO ledger (device, model, questions, last_asked, created, seen, proven, removed, session,
        address, vouched, itl_may, itl_accepted, itl_gap, itl_asked_ms, itl_given, itl_given_ms, itl_acted_ms,
        ctl_may, ctl_accepted, ctl_gap, ctl_asked_ms, ctl_given, ctl_given_ms, ctl_acted_ms)
      SELECT device, model, questions, last_asked, 1, seen, 1, 0, 0, '', '',
        ifnull((SELECT group_concat(version, ' ') FROM
                  (SELECT version FROM may_3 WHERE device = l.device AND kind = 0 ORDER BY version)),
               '0000000000000000'), 0, 0, 0, 0, 0, 0,
        ifnull((SELECT group_concat(version, ' ') FROM
                  (SELECT version FROM may_3 WHERE device = l.device AND kind = 1 ORDER BY version)),
               '0000000000000000'), 0, 0, 0, 0, 0, 0
      FROM ledger_3 AS l;
      INSERT INTO ledger_given (device, kind, file, version, at, whole, protocol, address)
        SELECT device, kind, file, iif(version = 0, unsure, version), at, 0, protocol, address
        FROM ledger_given_3 WHERE version <> 0 OR unsure <> 0;
      DROP VIEW may_3;
      DROP TABLE ledger_given_3;
      DROP TABLE ledger_3)");
}

Status to_version_4(Database& database, int version) {
  ANCHORD_TRY(database.run(kServiceStatus));
  ANCHORD_TRY(version < 3 ? database.run(kLedgerTables) : keep_former_ledger(database));
  return execute(database, "INSERT INTO ledger_gaps (began, ended, unkept, why) VALUES (?, ?, 0, ?)",
                 version < 3 ? 0 : 1, calendar_now(), "a version without evidence kept the ledger");
}

// Where a phone last spoke from is the best that is known of where it is.
Status to_version_5(Database& database) {
  ANCHORD_TRY(database.run(kEvidenceColumns));
  return database.run("UPDATE ledger SET home = address");
}

// Up to version 5 the table was called handed_out. A renamed table would keep the name in quotes.
Status rename_issued_lists(Database& database) {
  ANCHORD_TRY(database.run(kIssuedListsTable));
  return database.run(R"(INSERT INTO issued_lists (name, version, built_at, content)
                             SELECT name, version, built_at, content FROM handed_out ORDER BY rowid;
                           DROP TABLE handed_out)");
}

// `added` comes with version 2.
Status bring_up(Database& database, int version, const std::optional<NewIdentity>& added) {
  if (version < 2) ANCHORD_TRY(to_version_2(database));
  if (version < 3) ANCHORD_TRY(to_version_3(database));
  if (version < 4) ANCHORD_TRY(to_version_4(database, version));
  if (version < 5) ANCHORD_TRY(to_version_5(database));
  if (version >= 3 && version < 6) ANCHORD_TRY(rename_issued_lists(database));
  if (version >= 4 && version < 6) ANCHORD_TRY(database.run("ALTER TABLE ledger DROP COLUMN created_gap"));
  ANCHORD_TRY(database.run(kReplicaTable));
  if (added) ANCHORD_TRY(put_identity(database, *added));
  if (version < 3) ANCHORD_TRY(keep_saved_lists(database));
  ANCHORD_TRY(database.run(fmt::format("PRAGMA user_version = {}", kSchemaVersion)));
  ANCHORD_TRY(note_change(database, fmt::format("brought the store to version {}{}", kSchemaVersion,
                                                added ? ", with a certificate for HTTPS (tftp-ec)" : "")));
  return {};
}

Status migrate_from(int version, const std::filesystem::path& directory, Database& database) {
  if (version >= 2) return bring_up(database, version, std::nullopt);
  ANCHORD_TRY_ASSIGN(auto made, identity_for_https(database));
  std::string key = key_file_name(made.service, made.host, made.identity.certificate);
  ANCHORD_TRY(add_key(directory, key, *made.identity.key));
  auto done = bring_up(database, version, made);
  if (!done) ::unlink((key_folder(directory) / key).c_str());
  return done;
}

}  // namespace

Status migrate(const std::filesystem::path& directory, Database& database) {
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(database));
  // Another process may have done it while this one waited.
  ANCHORD_TRY_ASSIGN(auto version, schema_version(database, directory / kDatabaseName));
  if (version == kSchemaVersion) return {};
  assert(version < kSchemaVersion);
  if (auto done = migrate_from(version, directory, database); !done)
    return std::unexpected(std::move(done.error())
                               .within(fmt::format("cannot bring the store in '{}' to version {}",
                                                   directory.string(), kSchemaVersion)));
  // The key stays even if this fails: the commit may have reached the disk.
  return writing.commit();
}

}  // namespace anchord::store
