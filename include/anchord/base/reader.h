// A bounds-checked cursor over bytes that somebody else wrote.
//
// The first failure sticks: later reads return zeros and empty views, so a codec
// reads like a schema and asks once, at the end, whether it went well. Errors
// allocate nothing, so they cost a hostile peer more than they cost us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord {

// Names the item that was wrong and where it began, counted in bytes from the
// start of the whole input. Both strings are literals.
struct ParseError {
  const char* item = nullptr;
  const char* problem = nullptr;
  std::size_t offset = 0;

  std::string text() const;  // "item 'serial number' at offset 97: runs past the end"
  Error error() const { return {text()}; }
};

template <class T>
using Parsed = std::expected<T, ParseError>;

class Reader {
 public:
  // `origin` is where `input` starts in the whole input, for error offsets.
  explicit Reader(Bytes input, std::size_t origin = 0) : input_(input), origin_(origin) {}

  bool ok() const { return error_.item == nullptr; }
  bool done() const { return ok() && at_ == input_.size(); }
  std::size_t left() const { return ok() ? input_.size() - at_ : 0; }
  std::size_t offset() const { return origin_ + at_; }
  const ParseError& error() const { return error_; }
  std::unexpected<ParseError> unexpected() const { return std::unexpected(error_); }

  // Here, and not in the source: every field of every request goes through them.
  std::uint8_t u8(const char* item) {
    const Bytes b = take(1, item);
    return b.empty() ? 0 : b[0];
  }
  std::uint16_t u16(const char* item) {
    const Bytes b = take(2, item);
    return b.empty() ? 0 : static_cast<std::uint16_t>(b[0] << 8 | b[1]);
  }
  std::uint32_t u32(const char* item) {
    const Bytes b = take(4, item);
    if (b.empty()) return 0;
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  }
  Bytes take(std::size_t count, const char* item) {
    if (!ok()) return {};
    if (count > input_.size() - at_) {
      fail(item, "runs past the end");
      return {};
    }
    const Bytes out = input_.subspan(at_, count);
    at_ += count;
    return out;
  }
  Bytes rest() { return take(left(), "rest"); }

  // The bytes up to a NUL, which is consumed and not returned.
  std::string_view text_until_nul(const char* item);

  // A cursor over the next `count` bytes; this one moves past them. A failure
  // in the part does not reach the whole: the caller passes it on with adopt().
  Reader part(std::size_t count, const char* item);

  // Says that there must be nothing left.
  void expect_end(const char* item);

  // Records a failure found by the caller; the first one stays.
  void fail(const char* item, const char* problem) { fail_at(item, problem, offset()); }
  void fail_at(const char* item, const char* problem, std::size_t offset);
  void adopt(const Reader& part);

 private:
  Bytes input_;
  std::size_t origin_;
  std::size_t at_ = 0;
  ParseError error_;
};

}  // namespace anchord
