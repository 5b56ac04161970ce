#include "anchord/base/printable.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace anchord {
namespace {

struct Range {
  char32_t first, last;
};
// Unicode's Cc, Cf, Zl and Zp, and what else it says is to be ignored in showing (but for the
// selectors of variants, which belong to the pictures before them).
constexpr std::array kUnseen{
    Range{0x00, 0x1f},       Range{0x7f, 0x9f},       Range{0xad, 0xad},       Range{0x34f, 0x34f},
    Range{0x600, 0x605},     Range{0x61c, 0x61c},     Range{0x6dd, 0x6dd},     Range{0x70f, 0x70f},
    Range{0x890, 0x891},     Range{0x8e2, 0x8e2},     Range{0x115f, 0x1160},   Range{0x17b4, 0x17b5},
    Range{0x180e, 0x180e},   Range{0x200b, 0x200f},   Range{0x2028, 0x202e},   Range{0x2060, 0x206f},
    Range{0x3164, 0x3164},   Range{0xfeff, 0xfeff},   Range{0xffa0, 0xffa0},   Range{0xfff0, 0xfffb},
    Range{0x110bd, 0x110bd}, Range{0x110cd, 0x110cd}, Range{0x13430, 0x1343f}, Range{0x1bca0, 0x1bca3},
    Range{0x1d173, 0x1d17a}, Range{0xe0000, 0xe0fff},
};

bool is_unseen(char32_t point) {
  return std::ranges::any_of(kUnseen,
                             [&](const Range& range) { return point >= range.first && point <= range.last; });
}

struct Character {
  std::size_t length = 0;  // bytes of the well-formed character at the front; 0: there is none
  char32_t point = 0;
};

Character front_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : (first & 0xf0) == 0xe0         ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || text.size() < length) return {};
  char32_t point = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    point = point << 6 | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (overlong || surrogate || point > 0x10ffff) return {};
  return {length, point};
}

// Calls `escape(character, byte)` for what is not to be shown as it is, and gives the rest with
// what that returns in its places.
template <class Escape>
std::string escaped(std::string_view text, const Escape& escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character front = front_of(text);
    const std::size_t length = std::max<std::size_t>(front.length, 1);
    if (front.length == 0 || is_unseen(front.point)) {
      out += escape(front, text.substr(0, length));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string escape_in_text(const Character& character, std::string_view bytes) {
  if (character.length == 0) return fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
  const auto point = static_cast<unsigned>(character.point);
  return point > 0xffff ? fmt::format("\\U{:08x}", point) : fmt::format("\\u{:04x}", point);
}

}  // namespace

std::string printable(std::string_view text) {
  return escaped(text, escape_in_text);
}

std::string printable_lines(std::string_view text) {
  return escaped(text, [](const Character& character, std::string_view bytes) {
    return bytes == "\n" ? std::string(bytes) : escape_in_text(character, bytes);
  });
}

// Outside of strings there are no other control characters than line ends, and within them those
// are escaped already.
std::string printable_json(std::string_view document) {
  return escaped(document, [](const Character& character, std::string_view bytes) {
    const auto point = static_cast<unsigned>(character.point);
    if (character.length == 0 || point < 0x20) return std::string(bytes);
    if (point <= 0xffff) return fmt::format("\\u{:04x}", point);
    const unsigned rest = point - 0x10000;
    return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
  });
}

}  // namespace anchord
