#include "certificate_text.h"

#include <algorithm>
#include <array>
#include <string>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/pem.h"
#include "boringssl.h"

namespace anchord::crypto {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool begins(Bytes file, std::initializer_list<std::uint8_t> with) {
  return file.size() >= with.size() && std::ranges::equal(file.first(with.size()), with);
}

// UTF-16 whose characters are all ASCII; nothing when it is not.
std::optional<Buffer> narrowed(Bytes wide, bool little) {
  if (wide.size() % 2 != 0) return {};
  Buffer text;
  for (std::size_t i = 0; i < wide.size(); i += 2) {
    if (wide[little ? i + 1 : i] != 0) return {};
    text.push_back(wide[little ? i : i + 1]);
  }
  return text;
}

Buffer without_percents(Bytes file) {
  Buffer out;
  for (std::size_t i = 0; i < file.size(); ++i) {
    int high = i + 2 < file.size() ? hex_value(static_cast<char>(file[i + 1])) : -1;
    int low = i + 2 < file.size() ? hex_value(static_cast<char>(file[i + 2])) : -1;
    bool escape = file[i] == '%' && high >= 0 && low >= 0;
    out.push_back(escape ? static_cast<std::uint8_t>(high << 4 | low) : file[i]);
    if (escape) i += 2;
  }
  return out;
}

std::string_view stripped(std::string_view text) {
  std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Without the quotes, braces or SQL's X'' around all of it.
std::string_view unquoted(std::string_view text) {
  text = stripped(text);
  if (text.ends_with(';')) text.remove_suffix(1);
  if (starts_ignoring_case(text, "X'")) text.remove_prefix(1);
  for (std::string_view pair : {"''", "\"\"", "{}"})
    if (text.size() > 1 && text.front() == pair[0] && text.back() == pair[1])
      return stripped(text.substr(1, text.size() - 2));
  return text;
}

// What programs put in front of bytes and between them; nothing for half a byte or for what
// is no digit.
std::optional<Buffer> decode_hex(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    bool prefix = (c == '0' || c == '\\') && i + 1 < text.size() && to_lower(text[i + 1]) == 'x';
    bool between = prefix || kBlanks.contains(c) || std::string_view(":,;-").contains(c);
    if (between && digits.size() % 2 != 0) return {};
    if (prefix) ++i;
    if (!between) digits += c;
  }
  return digits.empty() ? std::nullopt : from_hex(digits);
}

bool is_dump(std::string_view text) {
  std::size_t zeros = text.find_first_not_of('0');
  constexpr std::size_t kFewest = 4, kMost = 16;
  if (zeros == text.npos || zeros < kFewest || zeros > kMost) return false;
  return text[zeros] == ':' || text[zeros] == ' ' || text[zeros] == '\t';
}

bool is_fingerprint(std::string_view text) {
  if (text.contains("ingerprint=") || starts_ignoring_case(text, "sha256:")) return true;
  auto bytes = decode_hex(unquoted(text));
  constexpr std::array<std::size_t, 5> kSizes{16, 20, 32, 48, 64};
  return bytes && std::ranges::find(kSizes, bytes->size()) != kSizes.end();
}

}  // namespace

Buffer plain_text(Bytes file) {
  std::optional<Buffer> narrow;
  if (begins(file, {0xef, 0xbb, 0xbf})) return to_buffer(file.subspan(3));
  if (begins(file, {0xff, 0xfe})) narrow = narrowed(file.subspan(2), true);
  if (begins(file, {0xfe, 0xff})) narrow = narrowed(file.subspan(2), false);
  if (begins(file, {'-', 0, '-', 0})) narrow = narrowed(file, true);
  if (begins(file, {0, '-', 0, '-'})) narrow = narrowed(file, false);
  if (narrow) return std::move(*narrow);
  return as_text(file).contains("-----BEGIN%20") ? without_percents(file) : to_buffer(file);
}

bool is_text(Bytes file) {
  return std::ranges::all_of(
      file, [](std::uint8_t byte) { return (byte >= ' ' && byte < 0x7f) || (byte >= '\t' && byte <= '\r'); });
}

std::optional<Buffer> decode_text(std::string_view text) {
  text = unquoted(text);
  // No base64 of DER begins so.
  if (auto bytes = decode_hex(text); bytes && looks_like_der(*bytes)) return bytes;
  // A damaged line of PEM is not base64 of the other alphabet.
  return text.contains("---") ? std::nullopt : decode_base64(text);
}

const char* describe_text(std::string_view text) {
  text = stripped(text);
  if (text.empty()) return "blanks: give a certificate in PEM or DER";
  const std::string lower = lower_case(text);
  if (lower.contains("begin certificate") || lower.contains("end certificate"))
    return "PEM with a damaged or missing first line: it must be '-----BEGIN CERTIFICATE-----', five dashes "
           "at "
           "either end";
  if (text.contains("X509Certificate>"))
    return "an XML document: give what is in its X509Certificate by itself";
  if (text.starts_with('<')) return "an XML document: give a certificate in PEM or DER";
  if (text.contains('{') && text.contains("0x30"))
    return "C source: give the file that it was made from, or the bytes by themselves";
  if (text.starts_with('{') || text.starts_with('['))
    return "JSON: give the certificate that is in it by itself";
  if (text.starts_with("Certificate:") || text.starts_with("X509 Certificate:"))
    return "a description of one: give the certificate itself, as 'openssl x509 -outform PEM' writes it";
  if (text.starts_with("dn:")) return "LDIF: give the base64 behind 'userCertificate' by itself";
  if (is_dump(text)) return "a dump with offsets: give the file that was dumped, or undo it as with 'xxd -r'";
  if (is_fingerprint(text)) return "a fingerprint: give the certificate itself";
  if (lower.starts_with("30") || lower.starts_with("0x30"))
    return "damaged hexadecimal: there is half a byte in it, or what is no digit; copy it again";
  // DER, or the first line of PEM, in base64.
  if (text.contains("MII") || text.contains("LS0tLS1CRUdJTi"))
    return "a text with base64 in it: give the base64 by itself";
  return nullptr;
}

}  // namespace anchord::crypto
