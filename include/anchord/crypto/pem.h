// PEM (RFC 7468) as people have it: with text around, on one line, with a byte order
// mark, with Windows' line ends, in UTF-16, with headers, without its dashes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord::crypto {

// A view of one object; `base64` may still hold headers, blanks and what does not belong.
struct PemObject {
  std::string_view label;  // "CERTIFICATE"
  std::string_view base64;
  bool ended = false;  // its END line is there
};

// Takes objects off the front of a text, in their order.
class PemReader {
 public:
  explicit PemReader(std::string_view text) : rest_(text) {}

  // Nothing when there is no further one.
  std::optional<PemObject> next();

  // The text in front of the object that was taken last, behind the one before.
  std::string_view text_before() const { return before_; }

 private:
  std::string_view rest_;
  std::string_view before_;
};

// Whether the label means a certificate: CERTIFICATE, X509 CERTIFICATE, TRUSTED CERTIFICATE.
bool is_certificate_label(std::string_view label);

// The bytes; nothing when it is not base64. Missing '=' at the end are no matter, nor which
// of its two alphabets it has (RFC 4648, sections 4 and 5).
std::optional<Buffer> decode_base64(std::string_view text);

// What one object or a whole file is when it is no certificate, and what to do about it:
// "a private key: give the certificate that belongs to it". Empty when that is not known.
std::string describe_other(std::string_view label);
std::string describe_other(Bytes file);

}  // namespace anchord::crypto
