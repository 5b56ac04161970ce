#include "flat_name.h"

#include <openssl/bytestring.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "attribute_type.h"

namespace anchord::crypto {
namespace {

constexpr const char* kTooLong = "too long";
constexpr char kHexDigits[] = "0123456789abcdef";

}  // namespace

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

std::string_view take_type(std::string_view& text) {
  skip_blanks(text);
  std::size_t size = 0;
  while (size < text.size() &&
         (is_letter(text[size]) || is_digit(text[size]) || text[size] == '-' || text[size] == '.')) {
    ++size;
  }
  std::string_view type = text.substr(0, size);
  text.remove_prefix(size);
  skip_blanks(text);
  if (type.empty() || text.empty() || text[0] != '=') return {};
  text.remove_prefix(1);
  return type;
}

bool starts_attribute(std::string_view text) {
  return !take_type(text).empty();
}

namespace {

// How long a value in quotes is that `text` begins with, both quotes included; 0 when it
// does not, or goes on behind the second quote: then quotes are part of the value.
std::size_t quoted_size(std::string_view text) {
  if (!text.starts_with('"')) return 0;
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) return 0;
  std::string_view behind = text.substr(end + 1);
  skip_blanks(behind);
  bool ends =
      behind.empty() || (std::string_view(",;+").contains(behind[0]) && starts_attribute(behind.substr(1)));
  return ends ? end + 1 : 0;
}

char separator_of(std::string_view text) {
  // As OpenSSL writes names in one line: /C=US/O=Example/CN=x.
  if (text.starts_with('/') && starts_attribute(text.substr(1))) return '/';
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '=') {
      std::string_view value = text.substr(i + 1);
      skip_blanks(value);
      std::size_t quoted = quoted_size(value);
      if (quoted > 0) i = text.size() - value.size() + quoted - 1;
    } else if (text[i] == ';' && starts_attribute(text.substr(i + 1))) {
      return ';';
    }
  }
  return ',';
}

// Well-formed as RFC 3629 has it.
bool is_utf8(std::string_view value) {
  static constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  for (std::size_t i = 0; i < value.size();) {
    auto lead = static_cast<std::uint8_t>(value[i++]);
    if (lead < 0x80) continue;
    unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc0 || lead > 0xf4 || value.size() - i < more) return false;
    std::uint32_t point = lead & (0x3fU >> more);
    for (unsigned k = 0; k < more; ++k) {
      auto next = static_cast<std::uint8_t>(value[i++]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < kLeast[more] || point > 0x10ffff || surrogate) return false;
  }
  return true;
}

}  // namespace

const char* FlatName::begin(std::string_view type) {
  if (count_ == items_.size()) return "too many attributes";
  if (count_ > 0) push('\0');
  Item& item = items_[count_++];
  item.begin = static_cast<std::uint16_t>(used_);
  item.joined = joined_;
  for (char c : type) push(c);
  push('=');
  item.value = static_cast<std::uint16_t>(used_);
  return overflow_ ? kTooLong : nullptr;
}

const char* FlatName::end() {
  Item& item = items_[count_ - 1];
  if (!overflow_ && !is_utf8(slice(item.value, used_))) read_latin1(item.value);
  item.end = static_cast<std::uint16_t>(used_);
  if (overflow_) return kTooLong;
  return slice(item.value, item.end).contains('\0') ? "a NUL in a value" : nullptr;
}

// What is no UTF-8 is Latin-1, as in certificates: from an old terminal, or as \FC.
void FlatName::read_latin1(std::size_t from) {
  std::array<std::uint8_t, kMaxNormalName> room;
  std::string_view value = slice(from, used_);
  std::ranges::copy(as_bytes(value), room.begin());
  used_ = from;
  push_units(Bytes(room).first(value.size()), 1);
}

void FlatName::push(char c) {
  if (used_ == bytes_.size()) {
    overflow_ = true;
  } else {
    bytes_[used_++] = c;
  }
}

const char* FlatName::scan_text(std::string_view text) {
  if (text.size() > kMaxText) return kTooLong;
  skip_blanks(text);
  char separator = separator_of(text);
  reversed_ = separator == ';';
  one_line_ = separator == '/';
  if (one_line_) text.remove_prefix(1);
  do {
    if (const char* problem = scan_attribute(text, separator)) return problem;
  } while (!text.empty());
  return nullptr;
}

const char* FlatName::scan_attribute(std::string_view& text, char separator) {
  std::string_view type = take_type(text);
  if (type.empty()) return "no type=value where one must be";
  auto canonical = canonical_type(type);
  if (!canonical) return "unknown attribute type";
  if (const char* problem = begin(*canonical)) return problem;
  if (const char* problem = scan_value(text, separator)) return problem;
  return end();
}

const char* FlatName::scan_value(std::string_view& text, char separator) {
  skip_blanks(text);
  if (std::size_t quoted = quoted_size(text); quoted > 0) {
    push_quoted(text.substr(1, quoted - 2));
    text.remove_prefix(quoted);
    skip_blanks(text);
    joined_ = text.starts_with('+');
    if (!text.empty()) text.remove_prefix(1);
    return nullptr;
  }
  std::string_view begin = text;
  std::size_t value = used_;
  std::size_t solid = used_;  // without the blanks that may turn out to be the last
  while (!text.empty()) {
    char c = text[0];
    text.remove_prefix(1);
    if ((c == separator || c == '+') && starts_attribute(text)) {
      joined_ = c == '+';
      break;
    }
    if (c == '\\') {
      push_escaped(text);
      solid = used_;
    } else {
      push(c);
      if (c != ' ') solid = used_;
    }
  }
  used_ = solid;
  if (begin.starts_with('#') && !overflow_) read_hex_value(value);
  return nullptr;
}

void FlatName::push_quoted(std::string_view inside) {
  for (std::size_t i = 0; i < inside.size(); ++i) {
    std::string_view behind = inside[i] == '\\' ? inside.substr(i + 1) : std::string_view();
    int high = behind.size() > 1 ? hex_value(behind[0]) : -1;
    int low = behind.size() > 1 ? hex_value(behind[1]) : -1;
    if (high >= 0 && low >= 0) {
      push(static_cast<char>(high << 4 | low));
      i += 2;
      continue;
    }
    if (!behind.empty() && std::string_view("\"\\").contains(behind[0])) ++i;
    push(inside[i]);
  }
}

// What follows a backslash. Many do not escape theirs: one that escapes nothing is itself.
void FlatName::push_escaped(std::string_view& text) {
  if (one_line_ && text.starts_with('x') && text.size() > 2 && hex_value(text[1]) >= 0 &&
      hex_value(text[2]) >= 0)
    text.remove_prefix(1);
  int high = text.empty() ? -1 : hex_value(text[0]);
  int low = text.size() < 2 ? -1 : hex_value(text[1]);
  if (high >= 0 && low >= 0) {
    push(static_cast<char>(high << 4 | low));
    text.remove_prefix(2);
  } else if (!text.empty() && std::string_view(" \"#+,;<=>\\").contains(text[0])) {
    push(text[0]);
    text.remove_prefix(1);
  } else {
    push('\\');
  }
}

// RFC 4514, section 2.4: '#' and the value's DER in hexadecimal. Anything else is text that
// begins so.
void FlatName::read_hex_value(std::size_t from) {
  std::string_view digits = slice(from + 1, used_);
  std::array<std::uint8_t, kMaxNormalName / 2> room;
  if (digits.size() % 2 != 0) return;
  std::size_t size = 0;
  for (; !digits.empty(); digits.remove_prefix(2)) {
    int high = hex_value(digits[0]), low = hex_value(digits[1]);
    if (high < 0 || low < 0) return;
    room[size++] = static_cast<std::uint8_t>(high << 4 | low);
  }
  CBS input, element;
  CBS_init(&input, room.data(), size);
  if (!CBS_get_any_asn1_element(&input, &element, nullptr, nullptr) || CBS_len(&input) != 0) return;
  used_ = from;
  push_der_value({CBS_data(&element), CBS_len(&element)});
}

const char* FlatName::scan_der(Bytes name) {
  CBS input, rdns;
  CBS_init(&input, name.data(), name.size());
  if (!CBS_get_asn1(&input, &rdns, CBS_ASN1_SEQUENCE)) return "not a sequence";
  if (CBS_len(&input) != 0) return "trailing bytes";
  while (CBS_len(&rdns) != 0) {
    CBS set;
    if (!CBS_get_asn1(&rdns, &set, CBS_ASN1_SET) || CBS_len(&set) == 0) return "not a set of attributes";
    joined_ = false;
    while (CBS_len(&set) != 0) {
      CBS attribute;
      if (!CBS_get_asn1(&set, &attribute, CBS_ASN1_SEQUENCE)) return "not an attribute";
      if (const char* problem = scan_der_attribute({CBS_data(&attribute), CBS_len(&attribute)}))
        return problem;
      joined_ = true;
    }
  }
  return nullptr;
}

const char* FlatName::scan_der_attribute(Bytes attribute) {
  CBS input, oid, value;
  CBS_init(&input, attribute.data(), attribute.size());
  if (!CBS_get_asn1(&input, &oid, CBS_ASN1_OBJECT) ||
      !CBS_get_any_asn1_element(&input, &value, nullptr, nullptr) || CBS_len(&input) != 0) {
    return "not an attribute";
  }
  OidText room;
  auto type = canonical_type({CBS_data(&oid), CBS_len(&oid)}, room);
  if (!type) return "a bad attribute type";
  if (const char* problem = begin(*type)) return problem;
  push_der_value({CBS_data(&value), CBS_len(&value)});
  return end();
}

// A value that is no text, or not the text that it says, is written as its DER in
// hexadecimal (RFC 4514, section 2.4).
void FlatName::push_der_value(Bytes element) {
  std::size_t begin = used_;
  if (push_text(element)) return;
  used_ = begin;
  push('#');
  for (std::uint8_t byte : element) {
    push(kHexDigits[byte >> 4]);
    push(kHexDigits[byte & 15]);
  }
}

bool FlatName::push_text(Bytes element) {
  CBS input, content;
  unsigned tag = 0;
  CBS_init(&input, element.data(), element.size());
  if (!CBS_get_any_asn1(&input, &content, &tag)) return false;
  Bytes value{CBS_data(&content), CBS_len(&content)};
  switch (tag) {
    case CBS_ASN1_UTF8STRING:
    case CBS_ASN1_PRINTABLESTRING:
    case CBS_ASN1_IA5STRING:
    case CBS_ASN1_NUMERICSTRING:
    case CBS_ASN1_VISIBLESTRING:
      // Certificates that TLS peers really present have Latin-1 in any of these.
      if (!is_utf8(as_text(value))) return push_units(value, 1);
      for (std::uint8_t byte : value) push(static_cast<char>(byte));
      return true;
    case CBS_ASN1_T61STRING:  // in practice Latin-1
      return push_units(value, 1);
    case CBS_ASN1_BMPSTRING:
      return push_units(value, 2);
    case CBS_ASN1_UNIVERSALSTRING:
      return push_units(value, 4);
    default:
      return false;
  }
}

bool FlatName::push_units(Bytes units, std::size_t width) {
  if (units.size() % width != 0) return false;
  for (; !units.empty(); units = units.subspan(width)) {
    std::uint32_t point = 0;
    for (std::uint8_t byte : units.first(width)) point = point << 8 | byte;
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point > 0x10ffff || surrogate) return false;
    push_code_point(point);
  }
  return true;
}

void FlatName::push_code_point(std::uint32_t point) {
  if (point < 0x80) return push(static_cast<char>(point));
  unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  push(static_cast<char>((0xf80U >> more) | point >> (6 * more)));
  while (more-- > 0) push(static_cast<char>(0x80 | ((point >> (6 * more)) & 0x3f)));
}

}  // namespace anchord::crypto
