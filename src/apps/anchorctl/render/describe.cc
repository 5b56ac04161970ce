#include "render/describe.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/base/serial_number.h"
#include "anchord/crypto/expiry.h"

namespace anchord::ctl {
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

std::optional<Buffer> serial_from_text(std::string_view text) {
  text = trimmed(text);
  if (std::size_t inside = text.find('('); inside != text.npos && text.ends_with(')'))
    text = text.substr(inside + 1, text.size() - inside - 2);
  for (std::string_view heading : {"serial=", "serial number:"})
    if (starts_ignoring_case(text, heading)) text = trimmed(text.substr(heading.size()));
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (starts_ignoring_case(text, "0x")) text.remove_prefix(2);
  std::string digits;
  for (char c : text)
    if (!std::string_view(": \t\r\n").contains(c)) digits += c;
  if (digits.empty()) return std::nullopt;
  if (digits.size() % 2 != 0) digits.insert(0, 1, '0');
  auto bytes = from_hex(digits);
  if (!bytes) return std::nullopt;
  Buffer number = to_buffer(significant(*bytes));
  if (!negative) return number;
  // Two's complement, as few bytes as hold the sign.
  if (number.empty() || number[0] >= 0x80) number.insert(number.begin(), 0);
  unsigned carry = 1;
  for (auto byte = number.rbegin(); byte != number.rend(); ++byte) {
    carry += static_cast<std::uint8_t>(~*byte);
    *byte = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  if (number.size() > 1 && number[0] == 0xff && number[1] >= 0x80) number.erase(number.begin());
  return number;
}

namespace {

// "issuer= ", "Subject: " and such, as programs print them in front of a name.
std::string_view without_heading(std::string_view text) {
  for (std::string_view heading : {"subject", "issuer", "DirName"}) {
    if (!starts_ignoring_case(text, heading)) continue;
    std::string_view rest = trimmed(text.substr(heading.size()));
    if (rest.starts_with('=') || rest.starts_with(':')) return rest.substr(1);
  }
  return text;
}

// One attribute a line, as one line.
std::string lines_joined(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::size_t end = text.find_first_of("\r\n");
    std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    while (!text.empty() && (line.ends_with(',') || line.ends_with(';'))) line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
  }
  bool semicolons = !lines.empty() && lines.front().contains(';');
  return joined(lines, semicolons ? ";" : ",");
}

// Older OpenSSL prints these behind a slash, where all others have commas: C=US, CN=x/emailAddress=y.
std::string commas_for_slashes(std::string line) {
  if (line.starts_with('/')) return line;
  for (std::string_view type :
       {"/emailAddress=", "/serialNumber=", "/unstructuredName=", "/unstructuredAddress="})
    if (std::size_t at = line.find(type); at != line.npos) line[at] = line.contains(';') ? ';' : ',';
  return line;
}

}  // namespace

Result<std::string> name_from_paste(std::string_view text) {
  text = trimmed(text);
  for (char quote : {'\'', '"'})
    if (text.size() > 1 && text.front() == quote && text.back() == quote)
      text = text.substr(1, text.size() - 2);
  std::string line = commas_for_slashes(lines_joined(without_heading(text)));
  ANCHORD_TRY_ASSIGN(auto name, crypto::Name::parse(line));
  // One line without its first slash.
  if (auto others = crypto::Name::parse("/" + line); others && name.attributes().size() == 1)
    name = *std::move(others);
  bool usual = line == text && !line.contains('/');
  return usual ? line : name.to_vendor();
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

Text::Table own_certificates_table(const trust::Cluster& cluster, UnixSeconds now) {
  Text::Table rows{{"SERVICE", "HOST", "HASH", "DAYS LEFT", "SUBJECT"}};
  for (const OwnCertificate& own : own_certificates(cluster)) {
    rows.push_back({std::string(trust::service_name(own.service)), own.host.empty() ? "-" : own.host,
                    short_hash(own.certificate), days_left_text(own.certificate.not_after(), now),
                    name_text(own.certificate.subject())});
  }
  return rows;
}

}  // namespace anchord::ctl
