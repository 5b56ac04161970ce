#include "anchord/store/import.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "database/sqlite.h"

namespace anchord::store {
namespace {

// Far more than a certificate as PEM: a larger value is another file's.
constexpr int kMaxValue = 1 << 20;

// "SAST", "ccm+tftp", "3".
std::optional<wire::Role> role_from_their_name(std::string_view text) {
  std::uint16_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size()) {
    const auto role = static_cast<wire::Role>(number);
    return wire::is_known(role) ? std::optional(role) : std::nullopt;
  }
  return wire::role_from_name(lower_case(text));
}

Result<std::vector<wire::Role>> roles_from_their_text(std::string_view text) {
  std::vector<wire::Role> roles;
  if (trimmed(text).empty()) return fail("it has no roles");
  for (std::string_view rest = text;;) {
    std::size_t comma = rest.find(',');
    std::string_view name = trimmed(rest.substr(0, comma));
    auto role = role_from_their_name(name);
    if (!role) return fail(fmt::format("no role '{}'", name.substr(0, 40)));
    if (std::ranges::find(roles, *role) == roles.end()) roles.push_back(*role);
    if (comma == rest.npos) return roles;
    rest.remove_prefix(comma + 1);
  }
}

std::string sql_name(std::string_view name) {
  std::string out = "\"";
  for (char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

// The columns as the file spells them; empty: it has none such.
struct Columns {
  std::string pem, roles, ttl, hash;
};

class TheirDatabase {
 public:
  TheirDatabase(std::filesystem::path file, Database database)
      : file_(std::move(file)), database_(std::move(database)) {}

  Result<std::vector<trust::KnownCertificate>> read();

 private:
  std::unexpected<Error> failure() const;
  Result<Columns> find_columns();
  Result<trust::KnownCertificate> read_row(const Statement& row) const;

  std::filesystem::path file_;
  Database database_;
};

std::unexpected<Error> TheirDatabase::failure() const {
  std::string file = file_.string();
  switch (sqlite3_errcode(database_.handle()) & 0xff) {
    case SQLITE_NOTADB:
      return fail(fmt::format("'{}' is not an SQLite database: name tvsd's", file));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(fmt::format("'{}' is being changed by another program: try again", file));
    case SQLITE_TOOBIG:
      return fail(fmt::format("'{}' holds a value that is no certificate, it is so large", file));
    default:
      return fail(fmt::format("cannot read '{}': {}", file, sqlite3_errmsg(database_.handle())));
  }
}

Result<Columns> TheirDatabase::find_columns() {
  // A view or a virtual table would run what somebody else wrote.
  Statement table(database_, R"(SELECT 1 FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND
                                lower(name) = 'certificates')");
  bool found = table.next();
  if (!table.ok()) return failure();
  if (!found)
    return fail(fmt::format("'{}' has no table 'certificates': name tvsd's database", file_.string()));
  Columns columns;
  Statement column(database_, "SELECT name FROM pragma_table_info('certificates')");
  while (column.next()) {
    std::string name{column.text(0)}, plain = lower_case(name);
    if (plain == "certificate" || plain == "pem") columns.pem = name;
    if (plain == "certificate_hash" || plain == "hash") columns.hash = name;
    if (plain == "roles") columns.roles = name;
    if (plain == "ttl") columns.ttl = name;
  }
  if (!column.ok()) return failure();
  for (const auto& [name, value] :
       {std::pair{"certificate", &columns.pem}, std::pair{"roles", &columns.roles}})
    if (value->empty())
      return fail(fmt::format("the table 'certificates' in '{}' has no column '{}': name tvsd's database",
                              file_.string(), name));
  return columns;
}

Result<trust::KnownCertificate> TheirDatabase::read_row(const Statement& row) const {
  ANCHORD_TRY_ASSIGN(auto certificate, crypto::Certificate::from_pem_or_der(row.blob(0)));
  ANCHORD_TRY_ASSIGN(auto roles, roles_from_their_text(row.text(1)));
  std::string_view ttl_kind = row.text(3);
  std::int64_t ttl = ttl_kind == "null" ? trust::kDefaultTtl : row.integer(2);
  if ((ttl_kind != "null" && ttl_kind != "integer") || ttl < 0 ||
      ttl > std::numeric_limits<std::uint32_t>::max())
    return fail("its TTL is not a number of seconds");
  auto hash = from_hex(row.text(4));
  if (hash && hash->size() == crypto::kSha256Size && !same_bytes(*hash, certificate.sha256()))
    return fail("its hash is another certificate's");
  return trust::KnownCertificate{certificate, std::move(roles), static_cast<std::uint32_t>(ttl), {}};
}

Result<std::vector<trust::KnownCertificate>> TheirDatabase::read() {
  sqlite3_limit(database_.handle(), SQLITE_LIMIT_LENGTH, kMaxValue);
  ANCHORD_TRY_ASSIGN(auto columns, find_columns());
  std::string ttl = columns.ttl.empty() ? "NULL" : sql_name(columns.ttl);
  std::string hash = columns.hash.empty() ? "''" : sql_name(columns.hash);
  Statement row(database_, fmt::format("SELECT {}, {}, {}, typeof({}), {} FROM certificates",
                                       sql_name(columns.pem), sql_name(columns.roles), ttl, ttl, hash));
  std::vector<trust::KnownCertificate> certificates;
  while (row.next()) {
    if (certificates.size() == kMaxImported)
      return fail(fmt::format("'{}' holds more than {} certificates", file_.string(), kMaxImported));
    auto certificate = read_row(row);
    if (!certificate) {
      // There need not be a rowid.
      std::string which = fmt::format("row {}", certificates.size() + 1);
      if (!row.text(4).empty()) which += fmt::format(" (hash {})", crypto::short_hash(row.text(4)));
      return std::unexpected(
          std::move(certificate.error()).within(fmt::format("'{}', {}", file_.string(), which)));
    }
    certificates.push_back(std::move(*certificate));
  }
  if (!row.ok()) return failure();
  return certificates;
}

}  // namespace

Result<std::vector<trust::KnownCertificate>> read_tvsd_database(const std::filesystem::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0)
    return fail_errno(fmt::format("cannot open '{}'", file.string()), errno);
  if (!S_ISREG(info.st_mode)) return fail(fmt::format("'{}' is not a file", file.string()));
  auto database = Database::open(file, SQLITE_OPEN_READONLY);
  if (!database) return fail(fmt::format("cannot read '{}' as an SQLite database", file.string()));
  return TheirDatabase(file, std::move(*database)).read();
}

}  // namespace anchord::store
