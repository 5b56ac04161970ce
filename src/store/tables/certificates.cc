#include "tables/certificates.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "database/session.h"
#include "tables/audit.h"
#include "tables/identities.h"

namespace anchord::store {
namespace {

constexpr std::size_t kHashDigits = 2 * crypto::kSha256Size;
constexpr std::size_t kSha1Digits = 40;

// What others print in front of a hash.
std::string_view without_heading(std::string_view typed) {
  std::size_t sign = typed.find('=');
  if (sign != typed.npos && lower_case(typed.substr(0, sign)).ends_with("fingerprint"))
    typed.remove_prefix(sign + 1);
  for (std::string_view heading : {"sha256:", "sha-256:", "0x"})
    if (starts_ignoring_case(typed, heading)) typed.remove_prefix(heading.size());
  return typed;
}

Result<std::string> to_prefix(std::string_view typed) {
  std::string prefix;
  for (char c : without_heading(typed)) {
    if (c == ':' || c == ' ' || c == '-') continue;
    if (hex_value(c) < 0)
      return fail(
          fmt::format("'{}' is not the beginning of a certificate's SHA-256 in hexadecimal: 'anchorctl "
                      "cert list' shows these",
                      typed));
    prefix += to_lower(c);
  }
  if (prefix.empty())
    return fail("give the first digits of a certificate's SHA-256: 'anchorctl cert list' shows them");
  return prefix;
}

// The service whose own certificate it is.
struct Owner {
  trust::Service service;
  std::string host;
  bool last_of_tvs = false;

  std::string text() const { return service_text(service, host); }
};

Result<std::optional<Owner>> owner_of(Database& database, std::string_view sha256) {
  Statement row(database, R"(SELECT service, ifnull((SELECT name FROM hosts WHERE position = host), ''),
                               (SELECT count(*) FROM hosts)
                             FROM identities WHERE sha256 = ?)",
                sha256);
  if (!row.next()) return row.ok() ? Result<std::optional<Owner>>(std::nullopt) : row.failure();
  auto service = trust::service_from_name(row.text(0));
  if (!service) return database.damaged("an unknown service");
  return Owner{*service, std::string(row.text(1)), *service == trust::Service::tvs && row.integer(2) == 1};
}

Status check_new(Database& database, const trust::KnownCertificate& known) {
  if (known.roles.empty())
    return fail(fmt::format("{} needs at least one role", describe(known.certificate)));
  for (std::size_t i = 0; i < known.roles.size(); ++i) {
    if (!wire::is_known(known.roles[i]))
      return fail(fmt::format("{} cannot have a role of an unknown kind", describe(known.certificate)));
    if (std::find(known.roles.begin(), known.roles.begin() + static_cast<std::ptrdiff_t>(i),
                  known.roles[i]) != known.roles.begin() + static_cast<std::ptrdiff_t>(i))
      return fail(fmt::format("{} is given the role {} twice: name each role once",
                              describe(known.certificate), wire::role_name(known.roles[i])));
  }
  ANCHORD_TRY_ASSIGN(auto owner, owner_of(database, to_hex(known.certificate.sha256())));
  if (owner)
    return fail(
        fmt::format("{} is the cluster's own ({}): it is known already, and its roles follow from that",
                    describe(known.certificate), owner->text()));
  return {};
}

Result<Added> put(Database& database, const trust::KnownCertificate& known) {
  ANCHORD_TRY(check_new(database, known));
  std::string sha256 = to_hex(known.certificate.sha256());
  Statement there(database, "SELECT 1 FROM certificates WHERE sha256 = ?", sha256);
  Added added = there.next() ? Added::replaced : Added::added;
  if (!there.ok()) return there.failure();
  std::string roles = roles_text(known.roles);
  ANCHORD_TRY(execute(database,
                      R"(INSERT INTO certificates (sha256, roles, ttl, certificate) VALUES (?, ?, ?, ?)
                         ON CONFLICT (sha256) DO UPDATE SET roles = excluded.roles, ttl = excluded.ttl,
                           retired_from = NULL, retired_at = NULL)",
                      sha256, roles, known.ttl, known.certificate.der()));
  ANCHORD_TRY(note_change(database,
                          fmt::format("{} {}: roles {}, TTL {}", added == Added::added ? "added" : "changed",
                                      describe(known.certificate), roles, known.ttl)));
  return added;
}

}  // namespace

std::string describe(const crypto::Certificate& certificate) {
  return fmt::format("certificate {} ({})", short_hash(certificate), certificate.subject().to_vendor());
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

std::unexpected<Error> no_certificate(std::string_view sha256) {
  if (sha256.size() == kSha1Digits)
    return fail(fmt::format(
        "there is no certificate {}: that has the length of a SHA-1; give the SHA-256, which 'anchorctl "
        "cert list' shows",
        sha256));
  return fail(fmt::format("there is no certificate {}: 'anchorctl cert list' shows all", sha256));
}

Result<std::string> hash_to_remove(Database& database, std::string_view typed) {
  ANCHORD_TRY_ASSIGN(auto hash, to_prefix(typed));
  if (hash.size() != kHashDigits)
    return fail(fmt::format("'{}' is not a whole SHA-256: removing needs all {} digits", typed, kHashDigits));
  ANCHORD_TRY_ASSIGN(auto owner, owner_of(database, hash));
  if (!owner) return hash;
  const Owner& own = *owner;
  return fail(fmt::format(
      "certificate {} cannot be removed: it is the cluster's own ({}{}), and phones would no longer "
      "trust what it vouches for; 'anchorctl cert regenerate {}{}' puts another in its place",
      crypto::short_hash(hash), own.text(), own.last_of_tvs ? ", the last of the verification services" : "",
      trust::service_name(own.service), own.host.empty() ? "" : " --host " + own.host));
}

std::optional<std::vector<wire::Role>> roles_from_text(std::string_view text) {
  std::vector<wire::Role> roles;
  for (;;) {
    std::size_t comma = text.find(',');
    auto role = wire::role_from_name(text.substr(0, comma));
    if (!role) return std::nullopt;
    roles.push_back(*role);
    if (comma == text.npos) return roles;
    text.remove_prefix(comma + 1);
  }
}

Result<std::vector<Added>> put_certificates(Database& database,
                                            std::span<const trust::KnownCertificate> certificates) {
  std::vector<Added> results;
  for (const trust::KnownCertificate& known : certificates) {
    ANCHORD_TRY_ASSIGN(auto added, put(database, known));
    results.push_back(added);
  }
  return results;
}

Result<trust::KnownCertificate> find_certificate(Store& store, std::string_view sha256_prefix) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto prefix, to_prefix(sha256_prefix));
  ANCHORD_TRY(Transaction::read(database));
  // 'g' follows every hexadecimal digit.
  std::string end = prefix + 'g';
  Statement row(database, R"(SELECT sha256, certificate, roles, ttl, '', retired_from, retired_at
                             FROM certificates
                             WHERE sha256 >= ?1 AND sha256 < ?2
                             UNION ALL
                             SELECT sha256, certificate, (SELECT mode FROM cluster), 0, service, NULL, NULL
                             FROM identities
                             WHERE sha256 >= ?1 AND sha256 < ?2)",
                prefix, end);
  if (!row.next()) return row.ok() ? no_certificate(prefix) : row.failure();
  ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(database, row, 0, 1));
  trust::KnownCertificate found{std::move(certificate), {}, trust::kDefaultTtl, {}};
  if (row.text(4).empty()) {
    auto roles = roles_from_text(row.text(2));
    if (!roles) return database.damaged(fmt::format("the roles of {}", describe(found.certificate)));
    found.roles = std::move(*roles);
    found.ttl = static_cast<std::uint32_t>(row.integer(3));
    found.retired_from = trust::service_from_name(row.text(5));
    found.retired_at = row.integer(6);
  } else {
    auto service = trust::service_from_name(row.text(4));
    auto mode = trust::mode_from_name(row.text(2));
    if (!service || !mode) return database.damaged("an unknown service or mode");
    found.roles = trust::own_roles(*service, *mode);
    found.own = service;
  }
  std::size_t others = 0;
  while (row.next()) ++others;
  if (!row.ok()) return row.failure();
  if (others > 0)
    return fail(fmt::format("{} certificates begin with {}: give more digits", others + 1, prefix));
  return found;
}

}  // namespace anchord::store
