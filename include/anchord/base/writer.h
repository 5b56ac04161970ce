// A bounds-checked cursor that writes big-endian integers and bytes into memory
// that the caller owns. Overflow sticks; what was written before it stays.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "anchord/base/bytes.h"

namespace anchord {

class Writer {
 public:
  explicit Writer(MutableBytes room) : room_(room) {}

  bool ok() const { return !overflow_; }
  std::size_t size() const { return at_; }
  Bytes written() const { return room_.first(at_); }

  void u8(std::uint8_t v) {
    if (std::uint8_t* p = claim(1)) p[0] = v;
  }
  void u16(std::size_t v) {
    assert(v <= 0xffff);
    if (std::uint8_t* p = claim(2)) put(p, v, 2);
  }
  void u32(std::uint32_t v) {
    if (std::uint8_t* p = claim(4)) put(p, v, 4);
  }
  void bytes(Bytes b) {
    std::uint8_t* p = claim(b.size());
    if (p != nullptr && !b.empty()) std::memcpy(p, b.data(), b.size());
  }
  void text(std::string_view t) { bytes(as_bytes(t)); }
  void text_with_nul(std::string_view t) {
    text(t);
    u8(0);
  }

  // Overwrites two bytes written earlier: a length known only later.
  void patch_u16(std::size_t at, std::size_t v) {
    assert(v <= 0xffff);
    if (!overflow_) put(room_.data() + at, v, 2);
    assert(overflow_ || at + 2 <= at_);
  }

 private:
  std::uint8_t* claim(std::size_t count) {
    if (overflow_ || count > room_.size() - at_) {
      overflow_ = true;
      return nullptr;
    }
    std::uint8_t* p = room_.data() + at_;
    at_ += count;
    return p;
  }
  static void put(std::uint8_t* p, std::size_t v, int width) {
    for (int i = width - 1; i >= 0; --i, v >>= 8) p[i] = static_cast<std::uint8_t>(v);
  }

  MutableBytes room_;
  std::size_t at_ = 0;
  bool overflow_ = false;
};

}  // namespace anchord
