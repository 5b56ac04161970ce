// Opening the store, and what it gives of the cluster's state.
#include "anchord/store/store.h"

#include <fmt/core.h>

#include "changes/migrate.h"
#include "database/open_database.h"
#include "database/schema.h"
#include "database/session.h"
#include "database/state_folder.h"
#include "tables/change_log.h"
#include "tables/cluster.h"
#include "tables/known.h"

namespace anchord::store {

Store::Store(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

bool Store::read_only() const {
  return session_->database.read_only();
}

Result<Store> Store::open(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto opened, open_database(directory));
  Database& database = opened.database;
  // FULL: in WAL mode NORMAL may lose the last transactions when the power is cut,
  // and changes are far too rare for the sync to cost anything.
  ANCHORD_TRY(database.run("PRAGMA synchronous = FULL"));
  ANCHORD_TRY(check_structure(database));
  if (database.read_only() && opened.version < kSchemaVersion)
    return fail(
        fmt::format("'{}' was made by an older Anchord, and is read-only: open it once where it can be "
                    "written to, or use that version",
                    (directory / kDatabaseName).string()));
  if (!database.read_only()) {
    if (opened.version < kSchemaVersion) ANCHORD_TRY(migrate(directory, database));
    ANCHORD_TRY(ensure_change_log(database));
  }
  return Store(std::make_unique<Session>(directory, std::move(database)));
}

Result<LoadedCluster> Store::load(KeyUse keys) {
  ANCHORD_TRY_ASSIGN(auto reading, Transaction::read(session_->database));
  return read_cluster(session_->directory, session_->database, keys);
}

Result<LoadedChanges> Store::load_changes(KeyUse keys, const KnownStates& before, const ChangeMark& mark) {
  Database& database = session_->database;
  ANCHORD_TRY_ASSIGN(auto reading, Transaction::read(database));
  ANCHORD_TRY_ASSIGN(auto own, read_own(session_->directory, database, keys));
  LoadedChanges out{
      .cluster = std::move(own.cluster), .gone = {}, .change_counter = own.change_counter, .mark = {}};
  ANCHORD_TRY(read_known_changes(database, before, mark, out));
  return out;
}

Result<std::int64_t> Store::change_counter() {
  return read_number(session_->database, "SELECT change_counter FROM cluster");
}

Status Store::check() {
  return check_structure(session_->database);
}

}  // namespace anchord::store
