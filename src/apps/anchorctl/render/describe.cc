#include "render/describe.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/base/serial_number.h"

namespace anchord::ctl {
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
