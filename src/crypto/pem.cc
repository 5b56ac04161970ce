#include "anchord/crypto/pem.h"

#include <openssl/base64.h>

#include <algorithm>
#include <array>

#include "anchord/base/ascii.h"

namespace anchord::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

bool is_base64(char c) {
  return is_letter(c) || is_digit(c) || c == '+' || c == '/' || c == '=';
}

// "Proc-Type: 4,ENCRYPTED" and such, up to an empty line (RFC 1421).
std::string_view without_headers(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == text.npos) return text;
  for (std::string_view empty : {"\n\n", "\n\r\n"}) {
    std::size_t end = text.find(empty, colon);
    if (end != text.npos) return text.substr(end + empty.size());
  }
  return text;
}

}  // namespace

std::optional<PemObject> PemReader::next() {
  std::size_t begin = rest_.find(kBegin);
  if (begin == rest_.npos) return {};
  before_ = rest_.substr(0, begin);
  rest_.remove_prefix(begin + kBegin.size());
  std::size_t label_end = rest_.find(kDashes);
  if (label_end == rest_.npos) return {};
  PemObject out;
  out.label = rest_.substr(0, label_end);
  rest_.remove_prefix(label_end + kDashes.size());
  std::size_t end = std::min(rest_.find(kEnd), rest_.find(kBegin));
  out.ended = end != rest_.npos && rest_.substr(end).starts_with(kEnd);
  out.base64 = without_headers(rest_.substr(0, end));
  rest_.remove_prefix(std::min(end, rest_.size()));
  if (out.ended) {
    rest_.remove_prefix(kEnd.size());
    std::size_t dashes = rest_.find(kDashes);
    rest_.remove_prefix(dashes == rest_.npos ? rest_.size() : dashes + kDashes.size());
  }
  return out;
}

bool is_certificate_label(std::string_view label) {
  return label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE";
}

std::optional<Buffer> decode_base64(std::string_view text) {
  Buffer digits;
  digits.reserve(text.size() + 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    // Line ends as JSON and shells write them, and JSON's "\\/".
    bool escaped = c == '\\' && i + 1 < text.size() && std::string_view("nr/").contains(text[i + 1]);
    if (escaped) c = text[++i] == '/' ? '/' : '\n';
    if (std::string_view(" \t\r\n").contains(c)) continue;
    if (c == '-') c = '+';
    if (c == '_') c = '/';
    if (!is_base64(c)) return {};
    digits.push_back(static_cast<std::uint8_t>(c));
  }
  while (digits.size() % 4 != 0) digits.push_back('=');
  Buffer out(digits.size() / 4 * 3);
  std::size_t size = 0;
  if (!EVP_DecodeBase64(out.data(), &size, out.size(), digits.data(), digits.size())) return {};
  out.resize(size);
  return out;
}

}  // namespace anchord::crypto
