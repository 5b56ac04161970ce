#include "anchord/store/init.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "anchord/base/ascii.h"
#include "anchord/base/file.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/random.h"
#include "anchord/trust/trust_list.h"
#include "changes/adopt.h"
#include "database/no_rights.h"
#include "database/schema.h"
#include "database/state_folder.h"
#include "tables/audit.h"
#include "tables/check_host.h"
#include "tables/check_text.h"
#include "tables/identities.h"
#include "tables/keys.h"

namespace anchord::store {
namespace {

using trust::Service;

Status check_request(const InitRequest& request) {
  if (request.cluster_name.empty()) return fail("the cluster needs a name");
  if (request.hosts.empty()) return fail("the cluster needs at least one host");
  ANCHORD_TRY(check_text("cluster's name", request.cluster_name));
  ANCHORD_TRY(check_text("organization", request.organization));
  ANCHORD_TRY(check_text("organizational unit", request.unit));
  if (!request.country.empty() &&
      (request.country.size() != 2 || !std::ranges::all_of(request.country, is_letter)))
    return fail(fmt::format("'{}' is not a country code: use two letters, such as US", request.country));
  if (request.digest.value_or(request.signing.digest) == wire::Digest::sha256)
    return fail("phones know sha1 and sha512 for signed files, not sha256: use one of the two");
  for (std::size_t i = 0; i < request.hosts.size(); ++i) {
    ANCHORD_TRY(check_host(request.hosts[i]));
    ANCHORD_TRY(check_beside(request.hosts[i], std::span(request.hosts).first(i)));
  }
  return check_days(request.days);
}

crypto::Name make_subject(const InitRequest& request, const std::string& common_name) {
  crypto::Name subject;
  if (!request.country.empty()) subject.append("C", upper_case(request.country));
  if (!request.organization.empty()) subject.append("O", request.organization);
  if (!request.unit.empty()) subject.append("OU", request.unit);
  subject.append("CN", common_name);
  return subject;
}

// Every host's, then those of the cluster as check_list() finds them.
Result<std::vector<NewIdentity>> make_identities(const InitRequest& request) {
  const trust::Host& first = request.hosts.front();
  std::array<std::uint8_t, 4> random;
  crypto::fill_random(random);
  // Phones check lists and files with RSA only: the signers cannot have EC keys.
  crypto::KeyKind signer = request.key == crypto::KeyKind::p256 ? crypto::KeyKind::rsa2048 : request.key;
  std::vector<Result<NewIdentity>> made;
  auto make = [&](Service service, const trust::Host* host, const std::string& common_name,
                  crypto::KeyKind key) {
    if (auto adopted = adopted_identity(request, service, host)) {
      made.push_back(std::move(*adopted));
    } else {
      // Recovery is for when all else has ended.
      const unsigned days = service == Service::recovery ? 0 : request.days;
      made.push_back(
          make_identity({service, host, make_subject(request, common_name), key, request.now, days}));
    }
  };
  for (const trust::Host& host : request.hosts)
    make(Service::tvs, &host, tvs_common_name(host.name), request.key);
  make(Service::tftp, &first, first.name, signer);
  if (made.back())
    made.push_back(make_tftp_ec(made.back()->identity.certificate, first, request.now, request.days));
  make(Service::capf, nullptr, "CAPF-" + to_hex(random), request.key);
  make(Service::recovery, nullptr, "ITLRECOVERY_" + first.name, signer);
  std::vector<NewIdentity> identities;
  for (auto& identity : made) {
    if (!identity) return std::unexpected(identity.error());
    identities.push_back(std::move(*identity));
  }
  return identities;
}

trust::Cluster make_cluster(const InitRequest& request, const std::vector<NewIdentity>& identities) {
  std::size_t hosts = request.hosts.size();
  trust::Cluster cluster{.name = request.cluster_name,
                         .signing = request.signing,
                         .hosts = request.hosts,
                         .tvs = {},
                         .tftp = identities[hosts].identity,
                         .tftp_ec = identities[hosts + 1].identity,
                         .capf = identities[hosts + 2].identity,
                         .recovery = identities[hosts + 3].identity};
  for (std::size_t i = 0; i < hosts; ++i) cluster.tvs.push_back(identities[i].identity);
  for (const NewIdentity& made : identities)
    cluster.known.push_back({made.identity.certificate, trust::own_roles(made.service, cluster.mode),
                             trust::kDefaultTtl, made.service});
  return cluster;
}

// A cluster whose list phones would not load is better refused now than met later.
Status check_list(const trust::Cluster& cluster, UnixSeconds now) {
  ANCHORD_TRY(trust::build_trust_list(trust::itl_fields(cluster), now));
  return {};
}

Status write_database(const std::filesystem::path& file, const InitRequest& request,
                      const std::vector<NewIdentity>& identities,
                      std::span<const trust::KnownCertificate> held) {
  ANCHORD_TRY_ASSIGN(auto database, Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  if (::chmod(file.c_str(), 0600) != 0) return fail_errno("cannot protect '" + file.string() + "'", errno);
  ANCHORD_TRY(database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE"));
  for (const char* tables :
       {kFirstTables, kServiceStatus, kExtendedTables, kChangeLog, kIdentityTable, kProvisioningTables,
        kIssuedListsTable, kLedgerTables, kEvidenceColumns, kReplicaTable})
    ANCHORD_TRY(database.run(tables));
  ANCHORD_TRY(database.run(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kSchemaVersion)));
  ANCHORD_TRY(execute(database,
                      R"(INSERT INTO cluster (id, cluster_id, name, mode, has_ctl, rolling_back, digest,
                                           spelling, change_counter)
                      VALUES (1, ?, ?, ?, 0, 0, ?, ?, 1))",
                      new_cluster_id(), request.cluster_name, trust::mode_name(trust::Mode::nonsecure),
                      wire::digest_name(request.signing.digest),
                      request.signing.spelling == crypto::NameSpelling::open ? "open" : "vendor"));
  for (std::size_t i = 0; i < request.hosts.size(); ++i)
    ANCHORD_TRY(execute(database, "INSERT INTO hosts (position, name, address) VALUES (?, ?, ?)", i,
                        request.hosts[i].name, addresses_text(request.hosts[i].addresses)));
  for (const NewIdentity& made : identities) ANCHORD_TRY(put_identity(database, made));
  ANCHORD_TRY(put_adopted(database, request, held));
  ANCHORD_TRY(note_audit(database, fmt::format("made the cluster '{}'", request.cluster_name)));
  ANCHORD_TRY(database.run("COMMIT"));
  return {};
}

// The directory while a store is being made in it. Held by a lock, so that two
// at once do not mix their keys; what was made is taken away again unless kept.
class NewStateFolder {
 public:
  explicit NewStateFolder(std::filesystem::path directory) : directory_(std::move(directory)) {}
  NewStateFolder(const NewStateFolder&) = delete;
  NewStateFolder& operator=(const NewStateFolder&) = delete;
  ~NewStateFolder() {
    if (!kept_) {
      for (const auto& file : made_) ::unlink(file.c_str());
      for (const auto& folder : made_folders_) ::rmdir(folder.c_str());
      if (made_directory_) ::rmdir(directory_.c_str());
    }
  }

  Status prepare();
  Status write(const InitRequest& request, const std::vector<NewIdentity>& identities,
               std::span<const trust::KnownCertificate> held);

 private:
  Status check_empty() const;

  std::filesystem::path directory_;
  std::vector<std::filesystem::path> made_;
  std::vector<std::filesystem::path> made_folders_;
  FileDescriptor lock_;
  bool made_directory_ = false;
  bool kept_ = false;
};

Status NewStateFolder::check_empty() const {
  std::filesystem::path file = directory_ / kDatabaseName;
  struct stat info{};
  if (::lstat(file.c_str(), &info) == 0)
    return fail(
        fmt::format("there is a cluster in '{}' already: name another directory", directory_.string()));
  // SQLite would apply what is left of another database to the new one.
  for (const char* suffix : {"-wal", "-journal"})
    if (::lstat((file.string() + suffix).c_str(), &info) == 0)
      return fail(fmt::format("'{}{}' belongs to a database that is gone: restore that or move the file away",
                              file.string(), suffix));
  return {};
}

// The user who makes a cluster must be the one who runs it: a user cannot read what root makes in that user's
// directory.
Status check_owner(const TrustedFolder& state) {
  if (state.owner() == ::geteuid() || ::geteuid() != 0) return {};
  return fail(fmt::format("{} belongs to {}, and this is root: run 'anchorctl init' as that user",
                          quoted(state.path()), user_text(state.owner())));
}

Status NewStateFolder::prepare() {
  struct stat above{};
  const std::filesystem::path parent = std::filesystem::absolute(directory_).parent_path();
  if (::stat(directory_.c_str(), &above) != 0 && ::stat(parent.c_str(), &above) == 0)
    ANCHORD_TRY(TrustedFolder::check_above(directory_));
  made_directory_ = ::mkdir(directory_.c_str(), 0700) == 0;
  if (!made_directory_ && errno != EEXIST)
    return fail_at(fmt::format("cannot make the state directory '{}'", directory_.string()), errno,
                   std::filesystem::absolute(directory_).parent_path());
  lock_.reset(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_)
    return fail_at(fmt::format("cannot open the state directory '{}'", directory_.string()), errno,
                   directory_);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(fmt::format("another 'anchorctl init' is making a cluster in '{}': wait for it",
                            directory_.string()));
  ANCHORD_TRY_ASSIGN(auto state, open_state(directory_));
  ANCHORD_TRY(check_owner(state));
  return check_empty();
}

Status NewStateFolder::write(const InitRequest& request, const std::vector<NewIdentity>& identities,
                             std::span<const trust::KnownCertificate> held) {
  std::filesystem::path keys = key_folder(directory_);
  // The last two are for the administrator to fill.
  for (const auto& folder : {keys, directory_ / "provisioning", directory_ / "devices"}) {
    if (::mkdir(folder.c_str(), 0700) == 0) {
      made_folders_.push_back(folder);
    } else if (errno != EEXIST) {
      return fail_errno(fmt::format("cannot make '{}'", folder.string()), errno);
    }
  }
  if (::chmod(keys.c_str(), 0700) != 0)
    return fail_errno(fmt::format("cannot protect '{}'", keys.string()), errno);
  for (const NewIdentity& made : identities) {
    made_.push_back(keys / key_file_name(made.service, made.host, made.identity.certificate));
    ANCHORD_TRY(write_key(made_.back(), *made.identity.key));
  }
  std::filesystem::path file = directory_ / kDatabaseName;
  std::filesystem::path aside = file.string() + ".new";
  // A killed init leaves these behind.
  for (const char* suffix : {"", "-wal", "-shm"}) {
    made_.push_back(aside.string() + suffix);
    ::unlink(made_.back().c_str());
  }
  ANCHORD_TRY(write_database(aside, request, identities, held));
  if (::rename(aside.c_str(), file.c_str()) != 0)
    return fail_errno(fmt::format("cannot put '{}' in place", file.string()), errno);
  kept_ = true;
  sync_folder(directory_);
  sync_folder(std::filesystem::absolute(directory_).parent_path());
  return {};
}

}  // namespace

Result<Store> init_store(const std::filesystem::path& directory, const InitRequest& given) {
  InitRequest request = given;
  for (trust::Host& host : request.hosts) host = normalised(std::move(host));
  ANCHORD_TRY(check_request(request));
  ANCHORD_TRY_ASSIGN(auto signing, adopted_signing(request));
  request.signing = signing;
  ANCHORD_TRY(check_adopted(request));
  {
    NewStateFolder folder(directory);
    ANCHORD_TRY(folder.prepare());
    ANCHORD_TRY_ASSIGN(auto identities, make_identities(request));
    trust::Cluster cluster = make_cluster(request, identities);
    ANCHORD_TRY(check_list(cluster, request.now));
    ANCHORD_TRY_ASSIGN(auto held, held_by_phones(request, cluster));
    ANCHORD_TRY(folder.write(request, identities, held));
  }
  return Store::open(directory);
}

}  // namespace anchord::store
