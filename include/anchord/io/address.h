// Where a packet or a connection comes from: an IPv4 or IPv6 address and a port. One host compares
// equal on a dual-stack socket and on an IPv4 one.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "anchord/base/error.h"
#include "anchord/base/ip_address.h"

namespace anchord::io {

struct Host : IpAddress {
  bool is_any() const;
  bool is_loopback() const;  // 127.0.0.0/8 or ::1
  auto operator<=>(const Host&) const = default;
};

struct Address {
  Host host;
  std::uint16_t port = 0;   // host byte order
  std::uint32_t scope = 0;  // IPv6 zone index, 0 for none

  std::string text() const;  // "192.0.2.1:69", "[2001:db8::1]:69"
  auto operator<=>(const Address&) const = default;
};

// An address only, no names: "192.0.2.1", "::1", "0.0.0.0", "::".
Result<Host> parse_host(std::string_view text);
// "HOST:PORT", "[HOST]:PORT", or a bare host with `default_port`.
Result<Address> parse_address(std::string_view text, std::uint16_t default_port);

// A CIDR block: "192.0.2.0/24", "2001:db8::/32", or a single address.
struct Network {
  Host base;
  unsigned prefix = 128;  // of the mapped form: an IPv4 /24 is 120

  bool contains(const Host& host) const;
};
Result<Network> parse_network(std::string_view text);

// To and from what the kernel speaks. `to_kernel` writes an IPv4 sockaddr for a
// mapped address when `v4_socket`, else an IPv6 one; it returns the length.
Address from_kernel(const sockaddr_storage& from);
socklen_t to_kernel(const Address& address, bool v4_socket, sockaddr_storage& out);

}  // namespace anchord::io

template <>
struct std::hash<anchord::io::Address> {
  std::size_t operator()(const anchord::io::Address& a) const noexcept;
};
template <>
struct std::hash<anchord::io::Host> {
  std::size_t operator()(const anchord::io::Host& h) const noexcept;
};
