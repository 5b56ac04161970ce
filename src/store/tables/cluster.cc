#include "tables/cluster.h"

#include <algorithm>
#include <array>

#include "anchord/store/hosts.h"
#include "anchord/store/inspect.h"
#include "database/open_database.h"
#include "database/schema.h"
#include "database/state_folder.h"
#include "tables/certificates.h"
#include "tables/identities.h"
#include "tables/keys.h"
#include "tables/known.h"
#include "tables/phones.h"

namespace anchord::store {
namespace {

using trust::Service;

constexpr char kIncomplete[] = "the own certificates are not complete";

struct IdentityRow {
  Service service;
  std::size_t host;  // for tvs
  trust::Identity identity;
  std::string key_file;
};

Result<std::vector<trust::Host>> read_hosts(Database& database) {
  std::vector<trust::Host> hosts;
  Statement row(database, "SELECT name, address FROM hosts ORDER BY position");
  while (row.next()) hosts.push_back({std::string(row.text(0)), addresses_from_text(row.text(1))});
  if (!row.ok()) return row.failure();
  return hosts;
}

Result<std::vector<IdentityRow>> read_identities(Database& database) {
  std::vector<IdentityRow> identities;
  Statement row(database, R"(SELECT service, ifnull((SELECT count(*) FROM hosts WHERE position < host), 0),
                             sha256, certificate, key_file FROM identities)");
  while (row.next()) {
    auto service = trust::service_from_name(row.text(0));
    if (!service) return database.damaged("an unknown service");
    ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(database, row, 2, 3));
    std::string key_file{row.text(4)};
    if (key_file.empty() || key_file.front() == '.' || key_file.find('/') != key_file.npos)
      return database.damaged("a key's file name leads elsewhere");
    // By itself: GCC 12 destroys an aggregate within another one twice when what comes after it throws.
    trust::Identity identity{certificate, {}};
    identities.push_back(
        {*service, static_cast<std::size_t>(row.integer(1)), std::move(identity), std::move(key_file)});
  }
  if (!row.ok()) return row.failure();
  return identities;
}

// Puts the rows where the cluster has them. The schema lets no service have two.
Result<trust::Cluster> assemble(const Database& database, std::vector<trust::Host> hosts,
                                const std::vector<IdentityRow>& identities) {
  std::array<const IdentityRow*, 5> single{};
  std::vector<trust::Identity> tvs;
  for (std::size_t host = 0; host < hosts.size(); ++host)
    for (const IdentityRow& row : identities)
      if (row.service == Service::tvs && row.host == host) tvs.push_back(row.identity);
  for (const IdentityRow& row : identities) single[static_cast<std::size_t>(row.service)] = &row;
  auto of = [&](Service service) { return single[static_cast<std::size_t>(service)]; };
  if (hosts.empty() || tvs.size() != hosts.size() || identities.size() != hosts.size() + 4 ||
      of(Service::tftp) == nullptr || of(Service::tftp_ec) == nullptr || of(Service::capf) == nullptr ||
      of(Service::recovery) == nullptr)
    return database.damaged(kIncomplete);
  return trust::Cluster{.hosts = std::move(hosts),
                        .tvs = std::move(tvs),
                        .tftp = of(Service::tftp)->identity,
                        .tftp_ec = of(Service::tftp_ec)->identity,
                        .capf = of(Service::capf)->identity,
                        .recovery = of(Service::recovery)->identity};
}

// All but the certificates that are not the cluster's own.
Result<LoadedCluster> read_state(Database& database, const std::vector<IdentityRow>& identities) {
  ANCHORD_TRY_ASSIGN(auto hosts, read_hosts(database));
  Statement row(database, R"(SELECT name, mode, digest, spelling, change_counter, cluster_id, has_ctl,
                               rolling_back FROM cluster)");
  if (!row.next()) return row.ok() ? database.damaged("the cluster's row is missing") : row.failure();
  ANCHORD_TRY_ASSIGN(auto cluster, assemble(database, std::move(hosts), identities));
  auto mode = trust::mode_from_name(row.text(1));
  if (!mode) return database.damaged("an unknown mode");
  cluster.name = row.text(0);
  cluster.id = row.text(5);
  cluster.mode = *mode;
  cluster.has_ctl = row.integer(6) != 0;
  cluster.rolling_back = row.integer(7) != 0;
  ANCHORD_TRY_ASSIGN(auto evidence, read_evidence(database));
  cluster.evidence = evidence;
  cluster.signing.digest = row.text(2) == "sha1" ? wire::Digest::sha1 : wire::Digest::sha512;
  cluster.signing.spelling =
      row.text(3) == "open" ? crypto::NameSpelling::open : crypto::NameSpelling::vendor;
  for (const IdentityRow& own : identities)
    cluster.known.push_back(
        {own.identity.certificate, trust::own_roles(own.service, *mode), trust::kDefaultTtl, own.service});
  ANCHORD_TRY_ASSIGN(auto phones, read_phones(database));
  cluster.phones = std::move(phones);
  return LoadedCluster{std::move(cluster), row.integer(4)};
}

Status take_key(const TrustedFolder& folder, IdentityRow& row) {
  const std::string owner = row.key_file.substr(0, row.key_file.rfind('-'));
  ANCHORD_TRY_ASSIGN(auto key, read_key(folder, row.key_file, row.identity.certificate, owner));
  row.identity.key = std::move(key);
  return {};
}

}  // namespace

Result<trust::Evidence> read_evidence(Database& database) {
  Statement row(database, "SELECT evidence FROM cluster");
  if (!row.next()) return row.failure();
  auto evidence = trust::evidence_from_name(row.text(0));
  if (!evidence) return database.damaged("what counts as evidence cannot be read");
  return *evidence;
}

Result<LoadedCluster> read_own(const std::filesystem::path& directory, Database& database, KeyUse keys) {
  ANCHORD_TRY_ASSIGN(auto identities, read_identities(database));
  if (keys == KeyUse::with_keys) {
    ANCHORD_TRY_ASSIGN(auto folder, open_keys(directory));
    for (IdentityRow& row : identities) ANCHORD_TRY(take_key(folder, row));
  }
  return read_state(database, identities);
}

Result<LoadedCluster> read_cluster(const std::filesystem::path& directory, Database& database, KeyUse keys) {
  ANCHORD_TRY_ASSIGN(auto loaded, read_own(directory, database, keys));
  ANCHORD_TRY(read_all_known(database, loaded.cluster.known));
  return loaded;
}

Result<std::vector<trust::Host>> read_hosts(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto looked, open_database_to_read(directory));
  auto hosts = read_hosts(looked.database);
  if (hosts && hosts->empty()) return looked.database.damaged(kIncomplete);
  return hosts;
}

Result<Inspected> inspect(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto looked, open_database_to_read(directory));
  Database& database = looked.database;
  ANCHORD_TRY(check_structure(database));
  if (looked.version < kSchemaVersion) return Inspected{};
  ANCHORD_TRY_ASSIGN(auto identities, read_identities(database));
  ANCHORD_TRY_ASSIGN(auto folder, open_keys(directory));
  Inspected out;
  for (IdentityRow& row : identities)
    if (Status taken = take_key(folder, row); !taken) out.problems.push_back(taken.error().text);
  ANCHORD_TRY_ASSIGN(auto loaded, read_state(database, identities));
  ANCHORD_TRY(read_all_known(database, loaded.cluster.known));
  out.cluster = std::move(loaded.cluster);
  return out;
}

}  // namespace anchord::store
