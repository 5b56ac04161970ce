#include "anchord/base/hex.h"

#include "anchord/base/ascii.h"

namespace anchord {

std::string to_hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t b : bytes) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

std::optional<Buffer> from_hex(std::string_view text) {
  Buffer out;
  int high = -1;
  for (char c : text) {
    bool between = c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (between && high < 0) continue;
    int value = hex_value(c);
    if (value < 0) return std::nullopt;
    if (high < 0) {
      high = value;
    } else {
      out.push_back(static_cast<std::uint8_t>(high << 4 | value));
      high = -1;
    }
  }
  if (high >= 0) return std::nullopt;
  return out;
}

}  // namespace anchord
