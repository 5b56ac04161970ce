// Views of bytes. Nothing here owns memory: a view is valid as long as what it
// was made from.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace anchord {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Buffer to_buffer(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

inline bool same_bytes(Bytes a, Bytes b) {
  return as_text(a) == as_text(b);
}

}  // namespace anchord
