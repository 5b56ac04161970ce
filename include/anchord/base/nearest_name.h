// Which of the names that there are somebody may have meant by one that there is not.
#pragma once

#include <span>
#include <string_view>

namespace anchord {

// Longer ones are compared with nothing: the time grows with the product of two lengths.
constexpr std::size_t kLongestMisspelling = 64;  // bytes

// The one of `known` that `given` is most likely a misspelling of: the one that the fewest insertions,
// deletions, replacements and swaps of neighbours lead to, else the only one that begins with it. Case
// does not matter, and an underscore is a hyphen. Empty: none is near, since more than one character,
// and a third of them, would have to change.
std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known);

}  // namespace anchord
