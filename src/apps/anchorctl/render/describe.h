// How certificates, roles and the cluster's own identities look in output: the same
// words and field names in every command.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "anchord/crypto/certificate.h"
#include "anchord/trust/cluster.h"
#include "anchord/wire/header.h"
#include "render/output.h"
#include "render/shown.h"

namespace anchord::ctl {

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

// The number of any usual spelling: "3e9d1cc5", "3E:9D:1C:C5", "0x3e9d1cc5", "serial=3E9D1CC5",
// "Serial Number: 3e:9d:1c:c5",
// "1050483909 (0x3e9d1cc5)", "-01" (a negative one: its bytes in a certificate).
std::optional<Buffer> serial_from_text(std::string_view text);

// A name as people paste it, in a spelling that services take: with "issuer=", "Subject:" or
// "DirName:" in front, with slashes between its attributes, or on several lines. What is in
// one of the two usual spellings stays as it is.
Result<std::string> name_from_paste(std::string_view text);

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
Text::Table own_certificates_table(const trust::Cluster& cluster, UnixSeconds now);

}  // namespace anchord::ctl
