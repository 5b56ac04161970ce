// Opening the store, and reading the state of the cluster.
#include "anchord/store/store.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "anchord/base/hex.h"
#include "anchord/store/hosts.h"
#include "anchord/store/inspect.h"
#include "backup/store_copy.h"
#include "database/impl.h"
#include "database/no_rights.h"
#include "database/schema.h"
#include "database/state_folder.h"
#include "database/temporary_folder.h"
#include "ledger/ledger_rows.h"
#include "tables/change_log.h"
#include "tables/identities.h"
#include "tables/keys.h"

namespace anchord::store {
namespace {

using trust::Service;

constexpr char kIncomplete[] = "the own certificates are not complete";

// Open, with a database in it.
Result<TrustedFolder> open_with_database(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto state, open_state(directory));
  if (::faccessat(state.descriptor(), kDatabaseName, R_OK, AT_EACCESS) == 0) return state;
  if (errno == ENOENT)
    return fail(
        fmt::format("there is no cluster in '{}': run 'anchorctl init' to make one", directory.string()));
  return fail_errno(fmt::format("cannot open '{}' (run as the owner of the state directory)",
                                (directory / kDatabaseName).string()),
                    errno);
}

// The log of changes and its index lie beside the database, and are made even to read it.
bool can_write(const TrustedFolder& state) {
  return ::faccessat(state.descriptor(), kDatabaseName, W_OK, AT_EACCESS) == 0 &&
         ::faccessat(state.descriptor(), ".", W_OK, AT_EACCESS) == 0;
}

off_t size_of(const TrustedFolder& state, const std::string& name) {
  struct stat info{};
  return ::fstatat(state.descriptor(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_size : -1;
}

// SQLite is told that the file does not change: it would make files beside it even to read.
Result<Database> open_unchanging(const std::filesystem::path& file, const std::filesystem::path& shown) {
  std::string uri = "file:";
  for (char c : file.string())
    uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", c) : std::string(1, c);
  return Database::open(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI,
                        shown);
}

Status copy_file(const TrustedFolder& state, const std::string& name, const std::filesystem::path& to) {
  ANCHORD_TRY_ASSIGN(auto from, state.file(name, O_RDONLY));
  FileDescriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out) return fail_errno(fmt::format("cannot make '{}'", to.string()), errno);
  Buffer piece(std::size_t{1} << 18);
  for (;;) {
    const ssize_t count = read_fully(from.get(), piece);
    if (count < 0) return fail_errno(fmt::format("cannot read '{}'", (state.path() / name).string()), errno);
    if (count == 0) return {};
    if (int problem = write_fully(out.get(), Bytes(piece).first(static_cast<std::size_t>(count)));
        problem != 0)
      return fail_errno(fmt::format("cannot write '{}'", to.string()), problem);
  }
}

// A log that nobody can fold in where it is: in a copy, which is gone again once that is open.
Result<Database> open_copy(const TrustedFolder& state) {
  std::error_code problem;
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(problem);
  if (problem) return fail("there is no folder for temporary files: set TMPDIR");
  ANCHORD_TRY_ASSIGN(auto folder, TemporaryFolder::make(temporary / (std::string(kReadPrefix) + "XXXXXX")));
  const std::filesystem::path file = folder.path() / kDatabaseName;
  for (const char* suffix : {"", "-wal"})
    ANCHORD_TRY(copy_file(state, std::string(kDatabaseName) + suffix, file.string() + suffix));
  ANCHORD_TRY(fold_log(folder.path()));
  return open_unchanging(file, state.path() / kDatabaseName);
}

// Where nothing can be written. With a log and its index beside it somebody may be writing, on
// another mount, and SQLite reads both.
Result<Database> open_to_read(const TrustedFolder& state) {
  const std::filesystem::path file = state.real() / kDatabaseName;
  const std::filesystem::path shown = state.path() / kDatabaseName;
  const off_t log = size_of(state, std::string(kDatabaseName) + "-wal");
  const bool has_index = size_of(state, std::string(kDatabaseName) + "-shm") >= 0;
  if (log >= 0 && (has_index || can_write(state)))
    return Database::open(file, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, shown);
  return log > 0 ? open_copy(state) : open_unchanging(file, shown);
}

Result<std::int64_t> read_number(Database& database, const char* sql) {
  Statement statement(database, sql);
  if (statement.next()) return statement.integer(0);
  if (!statement.ok()) return statement.failure();
  return database.damaged("a row is missing");
}

Status check_structure(Database& database) {
  Statement statement(database, "PRAGMA quick_check(1)");
  if (!statement.next()) return statement.failure();
  if (statement.text(0) != "ok") return database.damaged(statement.text(0));
  return {};
}

Status check_application(Database& database, const std::filesystem::path& file) {
  ANCHORD_TRY_ASSIGN(auto application, read_number(database, "PRAGMA application_id"));
  if (application != kApplicationId)
    return fail(fmt::format("'{}' is not a database of Anchord: restore it from a backup", file.string()));
  return {};
}

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

// Reads the rows of sha256, certificate, roles, ttl, retired_from, retired_at that are left.
Status read_known(Database& database, Statement& row, std::vector<trust::KnownCertificate>& known) {
  while (row.next()) {
    ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(database, row, 0, 1));
    auto roles = roles_from_text(row.text(2));
    if (!roles) return database.damaged(fmt::format("the roles of certificate {}", short_hash(certificate)));
    known.push_back({certificate,
                     std::move(*roles),
                     static_cast<std::uint32_t>(row.integer(3)),
                     {},
                     trust::service_from_name(row.text(4)),
                     row.integer(5)});
  }
  if (!row.ok()) return row.failure();
  return {};
}

Status read_all_known(Database& database, std::vector<trust::KnownCertificate>& known) {
  Statement row(database, R"(SELECT sha256, certificate, roles, ttl, retired_from, retired_at
                             FROM certificates ORDER BY rowid)");
  return read_known(database, row, known);
}

Status read_changed(Database& database, std::span<const std::string> changed, const KnownStates& before,
                    LoadedChanges& out) {
  std::vector<trust::KnownCertificate>& known = out.cluster.known;
  Statement row(database, R"(SELECT sha256, certificate, roles, ttl, retired_from, retired_at
                             FROM certificates WHERE sha256 = ?)");
  for (const std::string& hash : changed) {
    auto text_of = [](const KnownState& state) { return state.sha256.text(); };
    auto found = std::ranges::lower_bound(before, std::string_view(hash), {}, text_of);
    const KnownState* old = found != before.end() && found->sha256.text() == hash ? &*found : nullptr;
    const std::size_t count = known.size();
    row.restart(hash);
    ANCHORD_TRY(read_known(database, row, known));
    if (known.size() == count) {
      if (old != nullptr) out.gone.push_back(old->sha256);
    } else if (old != nullptr && known_state(known.back()) == *old) {
      known.pop_back();
    }
  }
  return {};
}

Status read_and_compare(Database& database, const KnownStates& before, LoadedChanges& out) {
  std::vector<trust::KnownCertificate> all;
  ANCHORD_TRY(read_all_known(database, all));
  std::vector<HashText> there;
  for (trust::KnownCertificate& known : all) {
    KnownState state = known_state(known);
    const KnownState* old = find_state(before, state.sha256);
    there.push_back(state.sha256);
    if (old == nullptr || state != *old) out.cluster.known.push_back(std::move(known));
  }
  std::ranges::sort(there);
  for (const KnownState& old : before)
    if (!std::ranges::binary_search(there, old.sha256)) out.gone.push_back(old.sha256);
  return {};
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

Result<LoadedCluster> read_own(const std::filesystem::path& directory, Database& database, KeyUse keys) {
  ANCHORD_TRY_ASSIGN(auto identities, read_identities(database));
  if (keys == KeyUse::with_keys) {
    ANCHORD_TRY_ASSIGN(auto folder, open_keys(directory));
    for (IdentityRow& row : identities) ANCHORD_TRY(take_key(folder, row));
  }
  return read_state(database, identities);
}

std::string user_name() {
  std::string name = name_of_user(::geteuid());
  // With sudo everybody would be root.
  if (const char* behind = std::getenv("SUDO_USER")) name += fmt::format(" (sudo by {})", behind);
  return name;
}

}  // namespace

std::string service_text(Service service, std::string_view host) {
  std::string text{trust::service_name(service)};
  return host.empty() ? text : fmt::format("{} of {}", text, host);
}

Status check_text(std::string_view what, std::string_view text) {
  if (text.size() > kMaxNameValue)
    return fail(fmt::format("the {} is longer than {} bytes: shorten it", what, kMaxNameValue));
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fail(fmt::format("the {} has a control character in it: leave it out", what));
  return {};
}

Result<crypto::Certificate> read_certificate(const Database& database, const Statement& row, int sha256,
                                             int certificate) {
  std::string hash{row.text(sha256)};
  auto parsed = crypto::Certificate::from_der(row.blob(certificate));
  if (!parsed)
    return database.damaged(fmt::format("certificate {}: {}", crypto::short_hash(hash), parsed.error().text));
  if (to_hex(parsed->sha256()) != hash)
    return database.damaged(fmt::format("certificate {} is not what was put in", crypto::short_hash(hash)));
  return parsed;
}

Result<int> schema_version(Database& database, const std::filesystem::path& file) {
  ANCHORD_TRY_ASSIGN(auto version, read_number(database, "PRAGMA user_version"));
  if (version > kSchemaVersion)
    return fail(
        fmt::format("'{}' was made by a newer Anchord (its version is {}, this one knows {}): upgrade "
                    "this Anchord",
                    file.string(), version, kSchemaVersion));
  if (version < 1) return database.damaged(fmt::format("there is no version {}", version));
  return static_cast<int>(version);
}

Status note_audit(Database& database, std::string_view what, bool forced, UnixSeconds when) {
  ANCHORD_TRY(execute(database, "INSERT INTO audit (time, who, what, forced) VALUES (?, ?, ?, ?)", when,
                      user_name(), what, forced));
  return execute(database, R"(INSERT INTO clock (id, highest) VALUES (1, ?)
                                ON CONFLICT DO UPDATE SET highest = max(highest, excluded.highest))",
                 when);
}

Status note_change(Database& database, std::string_view what, bool forced, UnixSeconds when) {
  ANCHORD_TRY(note_audit(database, what, forced, when));
  return execute(database, "UPDATE cluster SET change_counter = change_counter + 1");
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

bool Store::read_only() const {
  return impl_->database.read_only();
}

Result<Store> Store::open(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto state, open_with_database(directory));
  std::filesystem::path file = directory / kDatabaseName;
  // Its path without links, none of whose folders others can change.
  ANCHORD_TRY_ASSIGN(auto database, can_write(state)
                                        ? Database::open(state.real() / kDatabaseName,
                                                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, file)
                                        : open_to_read(state));
  ANCHORD_TRY(check_application(database, file));
  ANCHORD_TRY_ASSIGN(auto version, schema_version(database, file));
  // FULL: in WAL mode NORMAL may lose the last transactions when the power is cut,
  // and changes are far too rare for the sync to cost anything.
  ANCHORD_TRY(database.run("PRAGMA synchronous = FULL"));
  ANCHORD_TRY(check_structure(database));
  if (database.read_only() && version < kSchemaVersion)
    return fail(
        fmt::format("'{}' was made by an older Anchord, and is read-only: open it once where it can be "
                    "written to, or use that version",
                    file.string()));
  if (database.read_only()) return Store(std::make_unique<Impl>(directory, std::move(database)));
  if (version < kSchemaVersion) ANCHORD_TRY(migrate(directory, database));
  ANCHORD_TRY(ensure_change_log(database));
  return Store(std::make_unique<Impl>(directory, std::move(database)));
}

namespace {

struct Looked {
  Database database;
  int version = 0;
};

Result<Looked> open_to_look(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto state, open_with_database(directory));
  const std::filesystem::path file = directory / kDatabaseName;
  ANCHORD_TRY_ASSIGN(auto database, open_to_read(state));
  ANCHORD_TRY(check_application(database, file));
  ANCHORD_TRY_ASSIGN(auto version, schema_version(database, file));
  return Looked{std::move(database), version};
}

}  // namespace

Result<std::vector<trust::Host>> read_hosts(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto looked, open_to_look(directory));
  auto hosts = read_hosts(looked.database);
  if (hosts && hosts->empty()) return looked.database.damaged(kIncomplete);
  return hosts;
}

Result<Inspected> inspect(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto looked, open_to_look(directory));
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

Result<LoadedCluster> read_cluster(const std::filesystem::path& directory, Database& database, KeyUse keys) {
  ANCHORD_TRY_ASSIGN(auto loaded, read_own(directory, database, keys));
  ANCHORD_TRY(read_all_known(database, loaded.cluster.known));
  return loaded;
}

Result<LoadedCluster> Store::load(KeyUse keys) {
  ANCHORD_TRY(Transaction::read(impl_->database));
  return read_cluster(impl_->directory, impl_->database, keys);
}

Result<LoadedChanges> Store::load_changes(KeyUse keys, const KnownStates& before, const ChangeMark& mark) {
  Database& database = impl_->database;
  ANCHORD_TRY(Transaction::read(database));
  ANCHORD_TRY_ASSIGN(auto own, read_own(impl_->directory, database, keys));
  ANCHORD_TRY_ASSIGN(auto end, end_of_changes(database));
  ANCHORD_TRY_ASSIGN(auto changed, changes_between(database, mark, end));
  LoadedChanges out{
      .cluster = std::move(own.cluster), .gone = {}, .change_counter = own.change_counter, .mark = end};
  auto done =
      changed ? read_changed(database, *changed, before, out) : read_and_compare(database, before, out);
  if (!done) return std::unexpected(done.error());
  return out;
}

HashText::HashText(const crypto::Certificate& certificate) {
  std::ranges::copy(to_hex(certificate.sha256()), digits.begin());
}

KnownState known_state(const trust::KnownCertificate& known) {
  return {.sha256 = HashText(known.certificate),
          .roles = roles_text(known.roles),
          .ttl = known.ttl,
          .retired_at = known.retired_at,
          .der = to_buffer(known.certificate.der())};
}

const KnownState* find_state(const KnownStates& states, const HashText& sha256) {
  auto found = std::ranges::lower_bound(states, sha256, {}, &KnownState::sha256);
  return found != states.end() && found->sha256 == sha256 ? &*found : nullptr;
}

Result<std::int64_t> Store::change_counter() {
  return read_number(impl_->database, "SELECT change_counter FROM cluster");
}

Status Store::check() {
  return check_structure(impl_->database);
}

}  // namespace anchord::store
