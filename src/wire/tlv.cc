#include "tlv.h"

#include <fmt/core.h>

#include <algorithm>

namespace anchord::wire {

Item read_item(Reader& in, std::uint8_t tag, ItemNames names) {
  const char* name = tag < names.size() && names[tag] != nullptr ? names[tag] : "unknown item";
  std::size_t offset = in.offset() - 1;
  if (in.left() < 2) in.fail_at(name, "runs past the end", offset);
  std::size_t length = in.u16(name);
  if (in.ok() && length > in.left()) in.fail_at(name, "runs past the end", offset);
  return {.tag = tag, .name = name, .offset = offset, .value = in.part(length, name)};
}

void close_item(Item& item, Reader& in) {
  item.value.expect_end(item.name);
  if (item.value.ok()) return;
  // An item inside a container has said already where it is.
  const ParseError& error = item.value.error();
  in.fail_at(error.item, error.problem, error.item == item.name ? item.offset : error.offset);
}

std::string_view read_name(Item& item) {
  std::string_view text = item.value.text_until_nul(item.name);
  Bytes more = item.value.rest();
  if (!std::ranges::all_of(more, [](std::uint8_t b) { return b == 0; })) {
    item.fail("has a NUL inside");
  }
  return text;
}

void TlvBuilder::name(std::uint8_t tag, std::string_view text) {
  if (text.contains('\0') && !error_) {
    error_ = Error{fmt::format("item '{}' has a NUL inside: give a name without one", names_[tag])};
  }
  head(tag, text.size() + 1);
  out_.insert(out_.end(), text.begin(), text.end());
  out_.push_back(0);
}

void TlvBuilder::end(std::size_t value_at) {
  patch_u16(value_at - 2, out_.size() - value_at, out_[value_at - 3]);
}

void TlvBuilder::patch_u16(std::size_t at, std::size_t v, std::uint8_t tag) {
  if (v > 0xffff && !error_) {
    error_ =
        Error{fmt::format("item '{}' would have to say {} bytes; the format ends at 65535", names_[tag], v)};
  }
  out_[at] = static_cast<std::uint8_t>(v >> 8);
  out_[at + 1] = static_cast<std::uint8_t>(v);
}

void TlvBuilder::head(std::uint8_t tag, std::size_t length) {
  assert(tag < names_.size() && names_[tag] != nullptr);
  if (length > 0xffff && !error_) {
    error_ = Error{fmt::format("item '{}' is {} bytes long; the format ends at 65535", names_[tag], length)};
  }
  out_.push_back(tag);
  big_endian(static_cast<std::uint16_t>(length), 2);
}

}  // namespace anchord::wire
