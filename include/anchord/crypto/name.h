// Distinguished names: as certificates hold them, in the two spellings that
// phones and tools use, and in a normal form for lookups (docs/formats.md;
// RFC 4514 for the escaping, RFC 5280 for the DER).
//
// Values are UTF-8; one that is no text is its DER in hexadecimal behind a '#'. A name
// with a NUL in it, with more than kMaxNameAttributes attributes or longer than
// kMaxNormalName is refused everywhere: what a Name holds can be written into every
// format and has a normal form.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::crypto {

// Real names have up to ten attributes and 200 bytes. The limits keep a hostile
// request's cost, and the room of a lookup key, fixed.
constexpr std::size_t kMaxNameAttributes = 32;
constexpr std::size_t kMaxNormalName = 1024;

enum class NameSpelling {
  vendor,  // CN=cucm1.example.com;O=Example Corp;C=US  (CN, OU, O, L, ST, C, then what else there is)
  open,    // C=US,O=Example Corp,CN=cucm1.example.com  (order of the certificate)
};

class Name {
 public:
  struct Attribute {
    std::string type;     // "CN", or a dotted OID for what has no short name here
    std::string value;    // UTF-8, nothing escaped
    bool joined = false;  // in the same set as the one before it ('+' when spelled)

    bool operator==(const Attribute&) const = default;
  };

  Name() = default;

  // `der` is the whole RDNSequence.
  static Result<Name> from_der(Bytes der);

  // Either spelling: with an attribute after an unescaped ';' it is the vendor's. With a
  // slash in front of the first attribute it is OpenSSL's one line, in the certificate's
  // order: /C=US/O=Example Corp/CN=cucm1.example.com. Values that are no UTF-8 are Latin-1.
  // A separator counts only where an attribute type and '=' follow, because phones
  // do not escape; a backslash that escapes nothing is itself.
  static Result<Name> parse(std::string_view text);

  std::string to_text(NameSpelling spelling) const;
  std::string to_vendor() const { return to_text(NameSpelling::vendor); }
  std::string to_open() const { return to_text(NameSpelling::open); }

  const std::vector<Attribute>& attributes() const { return attributes_; }
  bool empty() const { return attributes_.empty(); }

  // The value of the first attribute of this type, or nothing.
  std::string_view value_of(std::string_view type) const;

  // For names that are made and not read. The caller keeps within the limits.
  void append(std::string type, std::string value) {
    attributes_.push_back({std::move(type), std::move(value)});
  }

  bool operator==(const Name&) const = default;

 private:
  std::vector<Attribute> attributes_;  // in the certificate's order
};

// Whether a name as text, as others write it, may mean the name that a certificate has:
// whatever it says is there. It may leave attributes out, and say what it says in any
// order and case, in quotes, without escaping, without blanks at the ends of values, and
// cut short where writers cut (kCutNameText). An empty text says nothing and fits an empty
// name only. For the request path: allocates nothing, in time that the limits above bound.
bool name_fits(std::string_view text, Bytes name_der);

// Some of the vendor's programs keep 64 characters of a name, the NUL at its end included
// or not, and no more.
constexpr std::size_t kCutNameText = 64;

// What two spellings of one name have in common: type and value pairs, escaping
// undone, sorted. For the request path: nothing here allocates.
class NormalName {
 public:
  // False, and empty, when it is not a name or exceeds a limit.
  [[nodiscard]] bool from_text(std::string_view text);
  [[nodiscard]] bool from_der(Bytes name_der);

  // "type=value" pairs, a NUL between them. Valid until the next from_...().
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, kMaxNormalName> text_;
  std::size_t size_ = 0;
};

}  // namespace anchord::crypto
