#include "changes/adopt.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/hex.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/init.h"
#include "anchord/trust/trust_list.h"
#include "anchord/trust/virtual_phone.h"
#include "tables/audit.h"
#include "tables/certificates.h"
#include "tables/issued_lists.h"

namespace anchord::store {
namespace {

using trust::Service;

std::vector<const trust::Identity*> all_of(const Adopted& adopted) {
  std::vector<const trust::Identity*> all;
  for (const trust::Identity& signer : adopted.signers) all.push_back(&signer);
  for (const trust::Identity& tvs : adopted.tvs) all.push_back(&tvs);
  if (adopted.capf) all.push_back(&*adopted.capf);
  return all;
}

Result<trust::KnownCertificate> known_from(const wire::Record& record, std::size_t number) {
  auto certificate = crypto::Certificate::from_der(record.certificate);
  if (!certificate)
    return std::unexpected(std::move(certificate.error()).within(fmt::format("its record {}", number)));
  return trust::KnownCertificate{*certificate, {record.role}, trust::kDefaultTtl, {}};
}

// Each once, with all roles that it has in the list. Roles that have no name cannot be kept.
Result<std::vector<trust::KnownCertificate>> certificates_in(const wire::TrustList& list) {
  std::vector<trust::KnownCertificate> all;
  for (std::size_t i = 0; i < list.records.size(); ++i) {
    const wire::Record& record = list.records[i];
    if (record.certificate.empty() || !wire::is_known(record.role)) continue;
    ANCHORD_TRY_ASSIGN(auto known, known_from(record, i + 1));
    auto there = std::ranges::find(all, known.certificate, &trust::KnownCertificate::certificate);
    if (there == all.end()) {
      all.push_back(std::move(known));
    } else if (std::ranges::find(there->roles, record.role) == there->roles.end()) {
      there->roles.push_back(record.role);
    }
  }
  return all;
}

// "'CN=cucm1', 'CN=ITLRECOVERY_cucm1'"
std::string names_with(std::span<const trust::KnownCertificate> held, wire::Role role) {
  std::string text;
  for (const trust::KnownCertificate& known : held) {
    if (std::ranges::find(known.roles, role) == known.roles.end()) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("'{}'", known.certificate.subject().to_vendor());
  }
  return text.empty() ? "none" : text;
}

// A phone that holds the list, as it finds the new cluster: it must take the new list and a
// configuration, and again after it was switched off.
Status check_phones(Bytes itl, const trust::Cluster& cluster, UnixSeconds now,
                    std::span<const wire::Record> records, std::span<const trust::KnownCertificate> held) {
  ANCHORD_TRY_ASSIGN(auto served, trust::served_by(cluster, now));
  // A list without records of verification services was never blanked for a rollback, so that it takes
  // another one from one of its own signers only; records of call managers may be empty in it.
  const bool names_services =
      std::ranges::find(records, wire::Role::tvs, &wire::Record::role) != records.end();
  auto signs = [&](const trust::KnownCertificate& known) {
    return known.certificate == cluster.tftp.certificate &&
           std::ranges::find(known.roles, wire::Role::sast) != known.roles.end();
  };
  if (!names_services && std::ranges::none_of(held, signs))
    return fail(
        fmt::format("phones that hold the list would not go over to this cluster (it names no verification "
                    "service, and its own signers alone sign the next one): give one of them as the first "
                    "--sast ({})",
                    names_with(held, wire::Role::sast)));
  trust::PhoneSettings settings;
  settings.tvs_servers = cluster.tvs.size();
  trust::VirtualPhone phone(settings, {.itl = to_buffer(itl)});
  for (int boot = 0; boot < 2; ++boot) {
    auto end = trust::boot_in_memory(phone, served, now);
    if (end.end != trust::BootEnd::fine)
      return fail(
          fmt::format("phones that hold the list would not go over to this cluster ({}): give one of its "
                      "list signers as the first --sast ({}), or one of its verification services "
                      "with --tvs ({})",
                      end.reason, names_with(held, wire::Role::sast), names_with(held, wire::Role::tvs)));
  }
  return {};
}

// Which spelling the list has; nothing when its names look the same in both.
std::optional<crypto::NameSpelling> spelling_in(const wire::TrustList& list) {
  for (const wire::Record& record : list.records) {
    auto certificate = crypto::Certificate::from_der(record.certificate);
    if (!certificate || !record.subject) continue;
    const crypto::Name& name = certificate->subject();
    if (name.to_vendor() == name.to_open()) continue;
    if (*record.subject == name.to_open()) return crypto::NameSpelling::open;
    // The vendor's programs spell some names in ways of their own.
    if (*record.subject == name.to_vendor() || record.subject->contains(';'))
      return crypto::NameSpelling::vendor;
  }
  return std::nullopt;
}

}  // namespace

Result<trust::SigningSettings> adopted_signing(const InitRequest& request) {
  trust::SigningSettings signing = request.signing;
  signing.digest = request.digest.value_or(signing.digest);
  if (request.adopted.itl.empty()) return signing;
  auto list = wire::parse_trust_list(request.adopted.itl);
  if (!list) return std::unexpected(list.error().error().within("the list that phones hold"));
  // The signer version follows from the digest. Of SHA-256 a cluster makes none: who knows that
  // knows SHA-512.
  signing.digest = list->header.digest == wire::Digest::sha1 ? wire::Digest::sha1 : wire::Digest::sha512;
  if (request.digest && *request.digest != signing.digest)
    return fail(fmt::format(
        "phones hold a list that is signed with {}, and may know no other digest: leave out --digest, and "
        "change it later with 'anchorctl set digest {}'",
        wire::digest_name(signing.digest), wire::digest_name(*request.digest)));
  signing.spelling = spelling_in(*list).value_or(signing.spelling);
  return signing;
}

Status check_adopted(const InitRequest& request) {
  const Adopted& adopted = request.adopted;
  if (adopted.signers.size() > trust::kMaxSigners)
    return fail(fmt::format("{} list signers are given where phones look at {}: leave some out",
                            adopted.signers.size(), trust::kMaxSigners));
  if (adopted.tvs.size() > request.hosts.size())
    return fail(
        fmt::format("{} verification services' certificates are given for {} hosts: name a host for each",
                    adopted.tvs.size(), request.hosts.size()));
  auto all = all_of(adopted);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const crypto::Certificate& certificate = all[i]->certificate;
    std::string name = describe(certificate);
    if (!all[i]->key) return fail(fmt::format("{} has no key: what is adopted needs one", name));
    if (!all[i]->key->matches(certificate)) return fail(fmt::format("the key for {} is not its", name));
    if (i < adopted.signers.size() && certificate.key_type() != crypto::KeyType::rsa)
      return fail(fmt::format("{} has an EC key: phones check lists with RSA only", name));
    for (std::size_t j = 0; j < i; ++j)
      if (all[j]->certificate == certificate)
        return fail(fmt::format("{} is given twice: each service needs a certificate of its own", name));
  }
  return {};
}

std::optional<NewIdentity> adopted_identity(const InitRequest& request, Service service,
                                            const trust::Host* host) {
  const Adopted& adopted = request.adopted;
  auto given = [&](std::span<const trust::Identity> from, std::size_t place,
                   std::string name) -> std::optional<NewIdentity> {
    if (place >= from.size()) return std::nullopt;
    return NewIdentity{service, std::move(name), from[place]};
  };
  switch (service) {
    case Service::tvs:
      return given(adopted.tvs, static_cast<std::size_t>(host - request.hosts.data()), host->name);
    case Service::tftp:
      return given(adopted.signers, 0, "");
    case Service::recovery:
      return given(adopted.signers, 1, "");
    case Service::capf:
      if (adopted.capf) return NewIdentity{service, "", *adopted.capf};
      return std::nullopt;
    case Service::tftp_ec:
      return std::nullopt;
  }
  return std::nullopt;
}

Result<std::vector<trust::KnownCertificate>> held_by_phones(const InitRequest& request,
                                                            trust::Cluster cluster) {
  if (request.adopted.itl.empty()) return std::vector<trust::KnownCertificate>();
  auto verified = trust::verify_trust_list(request.adopted.itl);
  if (!verified) return std::unexpected(std::move(verified.error()).within("the list that phones hold"));
  auto held = certificates_in(verified->list);
  if (!held) return std::unexpected(std::move(held.error()).within("the list that phones hold"));
  std::vector<trust::KnownCertificate> others;
  for (const trust::KnownCertificate& known : *held)
    if (std::ranges::find(cluster.known, known.certificate, &trust::KnownCertificate::certificate) ==
        cluster.known.end())
      others.push_back(known);
  cluster.known.insert(cluster.known.end(), others.begin(), others.end());
  ANCHORD_TRY(check_phones(request.adopted.itl, cluster, request.now, verified->list.records, *held));
  return others;
}

Status put_adopted(Database& database, const InitRequest& request,
                   std::span<const trust::KnownCertificate> held) {
  for (const trust::KnownCertificate& known : held) {
    ANCHORD_TRY(execute(
        database, "INSERT INTO certificates (sha256, roles, ttl, certificate) VALUES (?, ?, ?, ?)",
        to_hex(known.certificate.sha256()), roles_text(known.roles), known.ttl, known.certificate.der()));
    ANCHORD_TRY(note_audit(database, fmt::format("added {}: roles {}, of the list that phones hold",
                                                 describe(known.certificate), roles_text(known.roles))));
  }
  for (const trust::Identity* identity : all_of(request.adopted))
    ANCHORD_TRY(note_audit(database, "adopted " + describe(identity->certificate)));
  if (request.adopted.itl.empty()) return {};
  // Any phone may hold it, whether it was ever heard of or not.
  ANCHORD_TRY(keep_issued_list(database, phone::kItlFileName, request.adopted.itl, request.now));
  return execute(database, "INSERT INTO ledger_gaps (began, ended, unkept, why) VALUES (0, ?, 0, ?)",
                 request.now, kAdoptedGap);
}

}  // namespace anchord::store
