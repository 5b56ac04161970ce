// How much it takes to release a guard: what a boot must show before it rules out that a phone
// holds other lists still. docs/lifecycle.md says what an attacker can do under each.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace anchord::trust {

// What a boot must show besides, to rule lists out. What it may hold it shows always.
enum class Evidence : std::uint8_t {
  ordinary,  // nothing: a whole boot from one address, whichever
  strict,    // that address is the one where the phone has accepted a list before, if it ever did
  nothing,   // it rules nothing out: only an administrator does
};
inline constexpr std::array kEvidence{Evidence::ordinary, Evidence::strict, Evidence::nothing};
std::string_view evidence_name(Evidence evidence);  // "ordinary"
std::optional<Evidence> evidence_from_name(std::string_view name);

}  // namespace anchord::trust
