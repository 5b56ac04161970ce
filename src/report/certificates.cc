#include "anchord/report/certificates.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/calendar.h"
#include "anchord/base/hex.h"
#include "anchord/base/serial_number.h"
#include "anchord/crypto/expiry.h"

namespace anchord::report {

std::vector<OwnCertificate> own_certificates(const trust::Cluster& cluster) {
  std::vector<OwnCertificate> out;
  for (std::size_t i = 0; i < cluster.tvs.size(); ++i) {
    out.push_back({trust::Service::tvs, cluster.hosts[i].name, cluster.tvs[i].certificate});
  }
  out.push_back({trust::Service::tftp, "", cluster.tftp.certificate});
  out.push_back({trust::Service::tftp_ec, "", cluster.tftp_ec.certificate});
  out.push_back({trust::Service::capf, "", cluster.capf.certificate});
  out.push_back({trust::Service::recovery, "", cluster.recovery.certificate});
  return out;
}

std::string hash_text(const crypto::Certificate& certificate) {
  return to_hex(certificate.sha256());
}

std::string name_text(const crypto::Name& name) {
  return name.to_vendor();
}

std::string key_text(const crypto::Certificate& certificate) {
  if (certificate.key_type() == crypto::KeyType::other) return "other";
  return fmt::format("{} {}", certificate.key_type() == crypto::KeyType::rsa ? "RSA" : "EC",
                     certificate.key_bits());
}

std::string serial_text(Bytes serial) {
  serial = significant(serial);
  return serial.empty() ? "00" : to_hex(serial);
}

Json roles_json(std::span<const wire::Role> roles) {
  Json out = Json::array();
  for (wire::Role role : roles) out.push_back(role_text(role));
  return out;
}

std::optional<std::string> expiry_warning(std::string_view what, const crypto::Certificate& certificate,
                                          UnixSeconds now) {
  if (certificate.not_before() > now) {
    return fmt::format("{} is not valid before {}: check this machine's clock", what,
                       time_text(certificate.not_before()));
  }
  const crypto::Expiry expiry = crypto::expiry_of(certificate.not_after(), now);
  if (expiry == crypto::Expiry::far) return std::nullopt;
  std::string when = time_text(certificate.not_after());
  if (expiry == crypto::Expiry::ended) return fmt::format("{} HAS EXPIRED on {}", what, when);
  std::string_view urgency = expiry == crypto::Expiry::urgent ? " (URGENT)"
                             : expiry == crypto::Expiry::soon ? " (soon)"
                                                              : "";
  return fmt::format("{} expires in {}, on {}{}", what, days_left_text(certificate.not_after(), now), when,
                     urgency);
}

std::string expiry_level(const crypto::Certificate& certificate, UnixSeconds now) {
  const crypto::Expiry expiry = crypto::expiry_of(certificate.not_after(), now);
  if (expiry == crypto::Expiry::far) return "ok";
  return expiry == crypto::Expiry::ended ? "expired" : std::to_string(crypto::days_of(expiry));
}

std::optional<std::string> ended_warning(const trust::Cluster& cluster, std::optional<bool> refuse_expired,
                                         UnixSeconds now) {
  const auto ended = std::ranges::count_if(cluster.known, [&](const trust::KnownCertificate& known) {
    return trust::is_added(known) && known.certificate.not_after() < now;
  });
  // Prepared for a rollback, the service vouches for nothing.
  if (ended == 0 || cluster.rolling_back) return std::nullopt;
  const bool told = refuse_expired.has_value();
  const bool refused = refuse_expired.value_or(false);
  const bool one = ended == 1;
  const char* remedy = refused ? " (--refuse-expired)"
                       : told  ? ": see 'anchorctl cert remove', or run anchord with --refuse-expired"
                               : ", unless anchord runs with --refuse-expired";
  return fmt::format("{} added certificate{} expired; phones that ask are told that {} {}{}", ended,
                     one ? " has" : "s have", one ? "it is" : "they are", refused ? "unknown" : "valid",
                     remedy);
}

std::string known_as(const trust::KnownCertificate& known) {
  if (!known.retired_from) return roles_text(known.roles);
  return fmt::format("was {} until {}", trust::service_name(*known.retired_from),
                     date_text(known.retired_at));
}

Json certificate_json(const crypto::Certificate& certificate, UnixSeconds now) {
  return {{"sha256", hash_text(certificate)},
          {"subject", name_text(certificate.subject())},
          {"issuer", name_text(certificate.issuer())},
          {"serial", serial_text(certificate.serial())},
          {"key", key_text(certificate)},
          {"not_before", time_text(certificate.not_before())},
          {"not_after", time_text(certificate.not_after())},
          {"days_left", days_left(certificate.not_after(), now)}};
}

Json own_certificate_json(const OwnCertificate& own, UnixSeconds now) {
  Json out{{"service", trust::service_name(own.service)},
           {"host", own.host.empty() ? Json() : Json(own.host)}};
  out.update(certificate_json(own.certificate, now));
  return out;
}

Json host_json(const trust::Host& host) {
  return {{"name", host.name},
          {"address", host.addresses.empty() ? Json() : Json(host.addresses.front())},
          {"addresses", host.addresses}};
}

Json hosts_json(const trust::Cluster& cluster) {
  Json out = Json::array();
  for (const trust::Host& host : cluster.hosts) out.push_back(host_json(host));
  return out;
}

Json known_json(const trust::KnownCertificate& known, UnixSeconds now) {
  Json out = certificate_json(known.certificate, now);
  out["roles"] = roles_json(known.roles);
  out["ttl"] = known.ttl;
  out["own"] = known.own ? Json(trust::service_name(*known.own)) : Json();
  out["retired"] = Json();
  if (known.retired_from) {
    out["retired"] = {{"service", trust::service_name(*known.retired_from)},
                      {"at", time_text(known.retired_at)}};
  }
  return out;
}

Json certificates_document(const trust::Cluster& cluster, UnixSeconds now) {
  Json list = Json::array();
  for (const trust::KnownCertificate& known : cluster.known) list.push_back(known_json(known, now));
  return {{"certificates", std::move(list)}};
}

}  // namespace anchord::report
