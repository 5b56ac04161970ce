// Stores that an older version made.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>

#include "identities.h"
#include "impl.h"
#include "keys.h"
#include "schema.h"

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
  auto tftp = read_certificate(database, row, 0, 1);
  if (!tftp) return std::unexpected(tftp.error());
  trust::Host host{std::string(row.text(2)), std::string(row.text(3))};
  return make_tftp_ec(*tftp, host, calendar_now());
}

// As SQLite does with its own files: one that root makes must not lock the service out.
Status give_to_owner(const std::filesystem::path& file, const std::filesystem::path& model) {
  if (::geteuid() != 0) return {};
  struct stat owner{};
  if (::stat(model.c_str(), &owner) != 0 || ::chown(file.c_str(), owner.st_uid, owner.st_gid) != 0)
    return fail_errno(fmt::format("cannot give '{}' to the owner of '{}'", file.string(), model.string()),
                      errno);
  return {};
}

// SQLite cannot change a table's checks: its rows move to a new one.
Status change_tables(Database& database) {
  auto done = database.run("ALTER TABLE identities RENAME TO identities_1; DROP INDEX identity_of_service");
  if (done) done = database.run(kIdentityTable);
  if (done)
    done = database.run(R"(INSERT INTO identities (service, host, sha256, certificate, key_file)
                             SELECT service, host, sha256, certificate, key_file FROM identities_1;
                           DROP TABLE identities_1)");
  if (done) done = database.run(kProvisioningTables);
  if (done) done = database.run(fmt::format("PRAGMA user_version = {}", kSchemaVersion));
  return done;
}

Status migrate_1(const std::filesystem::path& directory, Database& database) {
  auto made = identity_for_https(database);
  if (!made) return std::unexpected(made.error());
  std::filesystem::path key =
      key_folder(directory) / key_file_name(made->service, made->host, made->identity.certificate);
  auto done = write_key(key, *made->identity.key);
  if (!done) return done;
  done = give_to_owner(key, directory / kDatabaseName);
  if (done) done = change_tables(database);
  if (done) done = put_identity(database, *made);
  if (done)
    done = note_change(database, "brought the store to version 2, with a certificate for HTTPS (tftp-ec)");
  if (!done) ::unlink(key.c_str());
  return done;
}

}  // namespace

Status migrate(const std::filesystem::path& directory, Database& database) {
  auto writing = Transaction::write(database);
  if (!writing) return std::unexpected(writing.error());
  // Another process may have done it while this one waited.
  auto version = schema_version(database, directory / kDatabaseName);
  if (!version) return std::unexpected(version.error());
  if (*version == kSchemaVersion) return {};
  assert(*version == 1);
  if (auto done = migrate_1(directory, database); !done)
    return std::unexpected(std::move(done.error())
                               .within(fmt::format("cannot bring the store in '{}' to version {}",
                                                   directory.string(), kSchemaVersion)));
  // The key stays even if this fails: the commit may have reached the disk.
  return writing->commit();
}

}  // namespace anchord::store
