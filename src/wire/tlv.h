// What all formats of the phones share: items `tag u8, length u16, value`, big-endian.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/base/reader.h"

namespace anchord::wire {

// Names of the items by tag; null where a format does not know the tag.
using ItemNames = std::span<const char* const>;

struct Item {
  std::uint8_t tag = 0;
  const char* name = nullptr;
  std::size_t offset = 0;  // of the tag
  Reader value;

  // The value, which must have just this size.
  Reader& fixed(std::size_t size) {
    if (value.left() != size) fail("has the wrong length");
    return value;
  }
  void fail(const char* problem) { value.fail_at(name, problem, offset); }
};

// The item whose tag was just read from `in`.
Item read_item(Reader& in, std::uint8_t tag, ItemNames names);

// Ends the reading of a value: there must be nothing left, and what went wrong with
// it goes to `in`, as said of where the item begins.
void close_item(Item& item, Reader& in);

// The whole value as text ended by a NUL. More NULs may follow: a blank name is
// also written as two of them.
std::string_view read_name(Item& item);

// Tags up to 31, each of which a parser wants to see once.
class SeenTags {
 public:
  static constexpr std::uint32_t bit(std::uint8_t tag) { return std::uint32_t{1} << tag; }

  // Fails in `in` when the item is not the first with its tag.
  void add(const Item& item, Reader& in) {
    assert(item.tag < 32);
    if ((bits_ & bit(item.tag)) != 0) in.fail_at(item.name, "occurs twice", item.offset);
    bits_ |= bit(item.tag);
  }
  bool has(std::uint8_t tag) const { return (bits_ & bit(tag)) != 0; }
  void require(std::uint8_t tag, ItemNames names, Reader& in) const {
    if (!has(tag)) in.fail(names[tag], "is missing");
  }

 private:
  std::uint32_t bits_ = 0;
};

// Appends items to a Buffer. The first value that the format cannot hold sticks;
// the caller asks for it once, at the end.
class TlvBuilder {
 public:
  TlvBuilder(Buffer& out, ItemNames names) : out_(out), names_(names) {}

  void item(std::uint8_t tag, Bytes value) {
    head(tag, value.size());
    out_.insert(out_.end(), value.begin(), value.end());
  }
  void name(std::uint8_t tag, std::string_view text);
  void u8(std::uint8_t tag, std::uint8_t v) {
    head(tag, 1);
    out_.push_back(v);
  }
  void u16(std::uint8_t tag, std::uint16_t v) {
    head(tag, 2);
    big_endian(v, 2);
  }
  void u32(std::uint8_t tag, std::uint32_t v) {
    head(tag, 4);
    big_endian(v, 4);
  }

  // An item whose value is all that is appended until end(), or known to be so long.
  std::size_t begin(std::uint8_t tag) {
    head(tag, 0);
    return out_.size();
  }
  void end(std::size_t value_at);

  // Overwrites two bytes of a value written earlier.
  void patch_u16(std::size_t at, std::size_t v, std::uint8_t tag);

  const std::optional<Error>& error() const { return error_; }

 private:
  void head(std::uint8_t tag, std::size_t length);
  void big_endian(std::uint32_t v, int width) {
    while (width-- > 0) out_.push_back(static_cast<std::uint8_t>(v >> (8 * width)));
  }

  Buffer& out_;
  ItemNames names_;
  std::optional<Error> error_;
};

}  // namespace anchord::wire
