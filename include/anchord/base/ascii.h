// Characters as the formats of phones and the protocols mean them: ASCII, whatever the
// locale says. Bytes above it are no letters, and stay as they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>

namespace anchord {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

constexpr bool is_letter(char c) {
  return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

// The value of a hexadecimal digit in either case; -1 for anything else.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

inline std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

inline std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_upper(c);
  return out;
}

constexpr bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

constexpr bool starts_ignoring_case(std::string_view text, std::string_view with) {
  return same_ignoring_case(text.substr(0, with.size()), with);
}

constexpr bool ends_ignoring_case(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && same_ignoring_case(text.substr(text.size() - with.size()), with);
}

// Words in their order, with `between` between them.
template <class Words>
std::string joined(const Words& words, std::string_view between) {
  std::string out;
  bool first = true;
  for (std::string_view word : words) {
    if (!first) out += between;
    first = false;
    out += word;
  }
  return out;
}

// "a, b or c".
template <class Words>
std::string choice_of(const Words& words) {
  std::string out;
  std::size_t left = std::ranges::size(words);
  for (std::string_view word : words) out.append(word).append(--left > 1 ? ", " : left == 1 ? " or " : "");
  return out;
}

// The text without the spaces and tabs at both ends.
constexpr std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace anchord
