// A distinguished name taken apart into fixed room: the one reader of both spellings
// and of DER, behind Name and NormalName alike. Allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/crypto/name.h"

namespace anchord::crypto {

void skip_blanks(std::string_view& text);

// Takes "type =" off the front; nothing if that is not what is there.
std::string_view take_type(std::string_view& text);

bool starts_attribute(std::string_view text);

class FlatName {
 public:
  // Escaping makes a name at most three times as long. The limit keeps blanks, which
  // take no room in the result, from costing time without bound.
  static constexpr std::size_t kMaxText = 4 * kMaxNormalName;

  // nullptr, or what is wrong (a literal).
  const char* scan_text(std::string_view text);
  const char* scan_der(Bytes name);

  std::size_t count() const { return count_; }
  std::string_view type(std::size_t i) const { return slice(items_[i].begin, items_[i].value - 1U); }
  std::string_view value(std::size_t i) const { return slice(items_[i].value, items_[i].end); }
  std::string_view pair(std::size_t i) const { return slice(items_[i].begin, items_[i].end); }
  bool joined(std::size_t i) const { return items_[i].joined; }

  // The attributes are in the opposite of the certificate's order.
  bool reversed() const { return reversed_; }

 private:
  struct Item {
    std::uint16_t begin, value, end;  // "type=value" in bytes_
    bool joined;
  };

  const char* scan_attribute(std::string_view& text, char separator);
  const char* scan_value(std::string_view& text, char separator);
  const char* begin(std::string_view type);
  const char* end();
  void push(char c);
  void push_code_point(std::uint32_t point);
  void push_quoted(std::string_view inside);
  void push_escaped(std::string_view& text);
  void read_hex_value(std::size_t from);
  void read_latin1(std::size_t from);
  const char* scan_der_attribute(Bytes attribute);
  void push_der_value(Bytes element);
  bool push_text(Bytes element);
  bool push_units(Bytes units, std::size_t width);
  std::string_view slice(std::size_t from, std::size_t to) const { return {bytes_.data() + from, to - from}; }

  // Exactly as long as the normal form will be: pairs with one byte between them.
  std::array<char, kMaxNormalName> bytes_;
  std::size_t used_ = 0;
  std::array<Item, kMaxNameAttributes> items_;
  std::size_t count_ = 0;
  bool joined_ = false;  // the attribute being read belongs to the one before
  bool overflow_ = false;
  bool reversed_ = false;
  bool one_line_ = false;  // slashes between attributes, and \\xHH for a byte
};

}  // namespace anchord::crypto
