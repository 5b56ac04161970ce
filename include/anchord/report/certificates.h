// How certificates, roles and the cluster's own identities look in documents: the same words and field names
// wherever they are told.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/crypto/certificate.h"
#include "anchord/report/json.h"
#include "anchord/trust/cluster.h"
#include "anchord/wire/header.h"

namespace anchord::report {

struct OwnCertificate {
  trust::Service service;
  std::string host;  // of a tvs certificate; empty for those of the whole cluster
  crypto::Certificate certificate;
};

std::vector<OwnCertificate> own_certificates(const trust::Cluster& cluster);

std::string hash_text(const crypto::Certificate& certificate);  // SHA-256, 64 digits
std::string name_text(const crypto::Name& name);
std::string key_text(const crypto::Certificate& certificate);  // "RSA 2048"
// Serial numbers as they are shown: hexadecimal, without leading zero bytes.
std::string serial_text(Bytes serial);

Json roles_json(std::span<const wire::Role> roles);

// A line that says how soon the certificate ends; nothing while that is far (crypto::expiry_of()).
std::optional<std::string> expiry_warning(std::string_view what, const crypto::Certificate& certificate,
                                          UnixSeconds now);

// "expired", "7", "30", "90" (fewer days are left) or "ok".
std::string expiry_level(const crypto::Certificate& certificate, UnixSeconds now);

// What phones that ask are told of added certificates that have expired, by what the running service
// says of --refuse-expired (nothing: none answers); nothing while there are none.
std::optional<std::string> ended_warning(const trust::Cluster& cluster, std::optional<bool> refuse_expired,
                                         UnixSeconds now);

// "was tftp until 2026-11-23", else the roles.
std::string known_as(const trust::KnownCertificate& known);

Json certificate_json(const crypto::Certificate& certificate, UnixSeconds now);
Json own_certificate_json(const OwnCertificate& own, UnixSeconds now);
Json host_json(const trust::Host& host);
Json hosts_json(const trust::Cluster& cluster);
// One that the verification service answers for.
Json known_json(const trust::KnownCertificate& known, UnixSeconds now);
// All of them: "certificates".
Json certificates_document(const trust::Cluster& cluster, UnixSeconds now);

}  // namespace anchord::report
