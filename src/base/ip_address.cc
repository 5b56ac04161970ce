#include "anchord/base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>

namespace anchord {
namespace {

constexpr std::array<std::uint8_t, IpAddress::kV4At> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::from_v4(Bytes four) {
  IpAddress out;
  std::ranges::copy(kMapped, out.bytes.begin());
  std::ranges::copy(four.first(4), out.bytes.begin() + kV4At);
  return out;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN];
  return ::inet_ntop(is_v4() ? AF_INET : AF_INET6, shortest().data(), out, sizeof out);
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  if (text.contains('\0')) return std::nullopt;
  const std::string zero_terminated(text);
  IpAddress out;
  if (::inet_pton(AF_INET6, zero_terminated.c_str(), out.bytes.data()) == 1) return out;
  std::array<std::uint8_t, 4> four{};
  if (::inet_pton(AF_INET, zero_terminated.c_str(), four.data()) != 1) return std::nullopt;
  return IpAddress::from_v4(four);
}

}  // namespace anchord
