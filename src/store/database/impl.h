// What the parts of the store share.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "anchord/store/store.h"
#include "anchord/trust/belief.h"
#include "database/sqlite.h"

namespace anchord::store {

constexpr char kDatabaseName[] = "anchord.db";
constexpr std::size_t kMaxNameValue = 64;  // RFC 5280's upper bound for O, OU and CN

class Store::Impl {
 public:
  Impl(std::filesystem::path where, Database opened)
      : directory(std::move(where)), database(std::move(opened)) {}

  std::filesystem::path directory;
  Database database;
  trust::ListShelf shelf;  // what the ledger's beliefs are judged with
};

// The store's back door, for functions of the store that are not members of Store.
struct StoreAccess {
  static Database& database(Store& store) { return store.impl_->database; }
  static trust::ListShelf& shelf(Store& store) { return store.impl_->shelf; }
  static const std::filesystem::path& directory(const Store& store) { return store.impl_->directory; }
};

// What Store::load() gives, in the open transaction.
Result<LoadedCluster> read_cluster(const std::filesystem::path& directory, Database& database, KeyUse keys);

// By name, in the open transaction.
Result<std::vector<trust::Phone>> read_phones(Database& database);

// "certificate 0a1b2c3d4e (CN=...)"
std::string describe(const crypto::Certificate& certificate);

// "tvs of cucm1", "capf".
std::string service_text(trust::Service service, std::string_view host);

// For names and models: at most kMaxNameValue bytes, without control characters.
Status check_text(std::string_view what, std::string_view text);

std::optional<std::vector<wire::Role>> roles_from_text(std::string_view text);

// The certificate in the current row, checked against its hash there.
Result<crypto::Certificate> read_certificate(const Database& database, const Statement& row, int sha256,
                                             int certificate);

// The schema's version; an error when it is none that this program knows.
Result<int> schema_version(Database& database, const std::filesystem::path& file);

// Brings a database of an older version to the present one, with the keys that it
// then needs. One transaction, except that a key's file may be left behind.
Status migrate(const std::filesystem::path& directory, Database& database);

// Says in the open transaction who changed what. For a change to what load() gives
// use note_change().
Status note_audit(Database& database, std::string_view what, bool forced = false,
                  UnixSeconds when = calendar_now());
Status note_change(Database& database, std::string_view what, bool forced = false,
                   UnixSeconds when = calendar_now());

// A list that phones are given from now on, in the open transaction. What is old and held by
// no phone goes.
Status keep_issued_list(Database& database, std::string_view name, Bytes content, UnixSeconds built_at);

// The SHA-256 that somebody typed, in lower case: all of it, of a certificate that may be
// removed as it is not the cluster's own.
Result<std::string> hash_to_remove(Database& database, std::string_view typed);
std::unexpected<Error> no_certificate(std::string_view sha256);

// As Store::add_certificates(), in the open transaction.
Result<std::vector<Added>> put_certificates(Database& database,
                                            std::span<const trust::KnownCertificate> certificates);

}  // namespace anchord::store
