// IP addresses as people write them, and the one form in which they are compared.
//
// IPv4 is kept in its IPv4-mapped IPv6 form, so that 192.0.2.1 and ::ffff:192.0.2.1 are one address
// wherever they are written or seen.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord {

struct IpAddress {
  static constexpr std::size_t kV4At = 12;  // where an IPv4 address's four bytes are

  std::array<std::uint8_t, 16> bytes{};

  static IpAddress from_v4(Bytes four);
  bool is_v4() const;
  // Four bytes of an IPv4 address, else sixteen.
  Bytes shortest() const { return Bytes(bytes).subspan(is_v4() ? kV4At : 0); }
  std::string text() const;  // "192.0.2.1", "2001:db8::1"

  auto operator<=>(const IpAddress&) const = default;
};

// No names, ports or zones.
std::optional<IpAddress> parse_ip_address(std::string_view text);

}  // namespace anchord
