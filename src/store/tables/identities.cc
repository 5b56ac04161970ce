#include "tables/identities.h"

#include <fmt/core.h>

#include <array>
#include <ranges>
#include <set>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/base/ip_address.h"
#include "anchord/crypto/random.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/store/init.h"
#include "anchord/store/store.h"
#include "database/state_folder.h"
#include "tables/keys.h"

namespace anchord::store {
namespace {

using trust::Service;

constexpr unsigned kServiceDays = 5 * 365 + 1;
// Recovery is what is left when all else has expired or is lost: it outlasts the phones.
constexpr unsigned kRecoveryDays = kMaxDays;
// What was made in one minute must not end in one: an administrator who comes too late loses one
// service then, and not all.
constexpr UnixSeconds kSpread = kSecondsPerDay;
// A phone's clock may be behind ours when it sees the certificate for the first time.
constexpr UnixSeconds kClockSlack = 3600;

}  // namespace

std::string new_cluster_id() {
  std::array<std::uint8_t, 16> random;
  crypto::fill_random(random);
  return to_hex(random);
}

bool is_address(const std::string& text) {
  return parse_ip_address(text).has_value();
}

std::string addresses_text(const std::vector<std::string>& addresses) {
  return joined(addresses, ",");
}

std::vector<std::string> addresses_from_text(std::string_view text) {
  std::vector<std::string> out;
  for (auto part : std::views::split(text, ','))
    if (!part.empty()) out.emplace_back(part.begin(), part.end());
  return out;
}

std::string service_text(Service service, std::string_view host) {
  std::string text{trust::service_name(service)};
  return host.empty() ? text : fmt::format("{} of {}", text, host);
}

Status check_days(unsigned days) {
  if (days <= kMaxDays) return {};
  return fail(fmt::format("a lifetime of {} days is longer than {}, which is 20 years", days, kMaxDays));
}

Result<NewIdentity> make_identity(const IdentityRequest& request) {
  ANCHORD_TRY_ASSIGN(auto key, crypto::PrivateKey::generate(request.key));
  const unsigned usual = request.service == Service::recovery ? kRecoveryDays : kServiceDays;
  crypto::SelfSignedRequest wanted{.subject = request.subject,
                                   .not_before = request.now - kClockSlack,
                                   .days = request.days != 0 ? request.days : usual,
                                   .spread = kSpread};
  if (const trust::Host* host = request.host; host != nullptr) {
    (is_address(host->name) ? wanted.addresses : wanted.dns_names).push_back(host->name);
    for (const std::string& address : host->addresses)
      if (address != host->name) wanted.addresses.push_back(address);
  }
  auto certificate = crypto::make_self_signed(key, wanted);
  if (!certificate)
    return std::unexpected(
        std::move(certificate.error()).within(fmt::format("cannot make '{}'", request.subject.to_vendor())));
  return NewIdentity{
      request.service, request.service == Service::tvs ? request.host->name : "", {*certificate, key}};
}

std::string tvs_common_name(std::string_view host) {
  return fmt::format("TVS-{}", host);
}

crypto::Name tvs_subject(const crypto::Name& model, std::string_view host) {
  crypto::Name subject;
  for (const crypto::Name::Attribute& attribute : model.attributes())
    if (attribute.type != "CN") subject.append(attribute.type, attribute.value);
  subject.append("CN", tvs_common_name(host));
  return subject;
}

crypto::KeyKind kind_of(const crypto::Certificate& certificate) {
  if (certificate.key_type() == crypto::KeyType::ec) return crypto::KeyKind::p256;
  return certificate.key_bits() > 2048 ? crypto::KeyKind::rsa4096 : crypto::KeyKind::rsa2048;
}

// Whole days, so without what the end was spread by.
unsigned days_of(const crypto::Certificate& certificate) {
  const UnixSeconds days = (certificate.not_after() - certificate.not_before()) / kSecondsPerDay;
  return days >= 1 && days <= UnixSeconds{kMaxDays} ? static_cast<unsigned>(days) : 0;
}

Result<NewIdentity> make_tftp_ec(const crypto::Certificate& tftp, const trust::Host& host, UnixSeconds now,
                                 unsigned days) {
  return make_identity({Service::tftp_ec, &host, tftp.subject(), crypto::KeyKind::p256, now, days});
}

Status put_identity(Database& database, const NewIdentity& made) {
  const crypto::Certificate& certificate = made.identity.certificate;
  return execute(database,
                 R"(INSERT INTO identities (service, host, sha256, certificate, key_file)
                    VALUES (?, (SELECT position FROM hosts WHERE name = ?), ?, ?, ?))",
                 trust::service_name(made.service), made.host, to_hex(certificate.sha256()),
                 certificate.der(), key_file_name(made.service, made.host, certificate));
}

Status remove_unused_keys(const std::filesystem::path& directory, Database& database) {
  std::set<std::string, std::less<>> used;
  Statement row(database, "SELECT key_file FROM identities");
  while (row.next()) used.emplace(row.text(0));
  if (!row.ok()) return row.failure();
  std::error_code problem;
  std::vector<std::filesystem::path> unused;
  for (const auto& entry : std::filesystem::directory_iterator(key_folder(directory), problem)) {
    std::string name = entry.path().filename().string();
    // Half written ones too (write_file()'s); what is not ours is left alone.
    bool key = name.ends_with(".key") || name.find(".key.new-") != name.npos ||
               name.find(".sealing.new-") != name.npos;
    if (key && !used.contains(name)) unused.push_back(entry.path());
  }
  // What cannot be removed is in nobody's way.
  for (const auto& file : unused) std::filesystem::remove(file, problem);
  return {};
}

}  // namespace anchord::store
