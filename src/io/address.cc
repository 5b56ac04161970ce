#include "anchord/io/address.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <charconv>
#include <cstring>
#include <optional>

namespace anchord::io {
namespace {

constexpr unsigned kMappedBits = 8 * Host::kV4At;

std::optional<unsigned> parse_number(std::string_view text, unsigned limit) {
  unsigned value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size() || value > limit) {
    return std::nullopt;
  }
  return value;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = (a ^ std::rotl(b, 32)) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  return x ^ (x >> 32);
}

}  // namespace

bool Host::is_any() const {
  return std::ranges::all_of(shortest(), [](std::uint8_t b) { return b == 0; });
}

bool Host::is_loopback() const {
  constexpr std::uint8_t kFirst = 127;
  if (is_v4()) return shortest().front() == kFirst;
  return std::ranges::all_of(Bytes(bytes).first(15), [](std::uint8_t b) { return b == 0; }) && bytes[15] == 1;
}

std::string Address::text() const {
  if (host.is_v4()) return fmt::format("{}:{}", host.text(), port);
  if (scope != 0) return fmt::format("[{}%{}]:{}", host.text(), scope, port);
  return fmt::format("[{}]:{}", host.text(), port);
}

Result<Host> parse_host(std::string_view text) {
  if (auto address = parse_ip_address(text)) return Host{*address};
  return fail(fmt::format("\"{}\" is not an IP address: write 192.0.2.1 or 2001:db8::1", text));
}

Result<Address> parse_address(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    const auto rest = end == text.npos ? text : text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) {
      return fail(fmt::format("\"{}\" is not an address and port: write [2001:db8::1]:69", text));
    }
    host = text.substr(1, end - 1);
    if (!rest.empty()) port = rest.substr(1);
  } else if (std::ranges::count(text, ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(host.size() + 1);
  }
  Address out{.port = default_port};
  ANCHORD_TRY_ASSIGN(out.host, parse_host(host));
  if (port) {
    const auto number = parse_number(*port, 65535);
    if (!number) return fail(fmt::format("\"{}\" has no valid port: write a number from 0 to 65535", text));
    out.port = static_cast<std::uint16_t>(*number);
  }
  return out;
}

bool Network::contains(const Host& host) const {
  const unsigned whole = prefix / 8;
  if (!std::equal(base.bytes.begin(), base.bytes.begin() + whole, host.bytes.begin())) return false;
  if (prefix % 8 == 0) return true;
  return ((base.bytes[whole] ^ host.bytes[whole]) >> (8 - prefix % 8)) == 0;
}

Result<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  Network out;
  ANCHORD_TRY_ASSIGN(out.base, parse_host(text.substr(0, slash)));
  if (slash == text.npos) return out;
  const unsigned written_bits = text.contains(':') ? 128 : 32;
  const auto prefix = parse_number(text.substr(slash + 1), written_bits);
  if (!prefix) {
    return fail(
        fmt::format("\"{}\" has no valid prefix length: write a number from 0 to {}", text, written_bits));
  }
  out.prefix = *prefix + (written_bits == 32 ? kMappedBits : 0);
  for (unsigned bit = out.prefix; bit < 128; ++bit) {
    out.base.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  }
  return out;
}

Address from_kernel(const sockaddr_storage& from) {
  Address out;
  if (from.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    out.host =
        Host{IpAddress::from_v4({reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), sizeof v4.sin_addr})};
    out.port = ntohs(v4.sin_port);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &from, sizeof v6);
    std::memcpy(out.host.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    out.port = ntohs(v6.sin6_port);
    out.scope = v6.sin6_scope_id;
  }
  return out;
}

socklen_t to_kernel(const Address& address, bool v4_socket, sockaddr_storage& out) {
  out = {};
  if (v4_socket) {
    assert(address.host.is_v4());
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.host.bytes.data() + Host::kV4At, sizeof v4.sin_addr);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  v6.sin6_scope_id = address.scope;
  std::memcpy(&v6.sin6_addr, address.host.bytes.data(), sizeof v6.sin6_addr);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

}  // namespace anchord::io

std::size_t std::hash<anchord::io::Host>::operator()(const anchord::io::Host& h) const noexcept {
  std::uint64_t halves[2];
  static_assert(sizeof halves == sizeof h.bytes);
  std::memcpy(halves, h.bytes.data(), sizeof halves);
  return anchord::io::mix(halves[0], halves[1]);
}

std::size_t std::hash<anchord::io::Address>::operator()(const anchord::io::Address& a) const noexcept {
  return anchord::io::mix(std::hash<anchord::io::Host>{}(a.host), std::uint64_t{a.scope} << 16 | a.port);
}
