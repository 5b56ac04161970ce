// The types of a name's attributes: short names where there are usual ones, else
// dotted object identifiers.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord::crypto {

// Room for an object identifier as text; a longer one is refused.
using OidText = std::array<char, 64>;

// The one spelling used here of a type spelled in any way ("cn", "OID.2.5.4.3",
// "2.5.4.3"); nothing if it is unknown or malformed. Views `text` or a literal.
std::optional<std::string_view> canonical_type(std::string_view text);

// The same from an object identifier's DER content. Views `room` or a literal.
std::optional<std::string_view> canonical_type(Bytes oid, OidText& room);

// The dotted form of a canonical type.
std::string_view dotted_type(std::string_view canonical);

}  // namespace anchord::crypto
