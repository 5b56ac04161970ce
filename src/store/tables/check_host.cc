#include "tables/check_host.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/base/ip_address.h"
#include "anchord/store/init.h"
#include "tables/identities.h"

namespace anchord::store {
namespace {

Status check_name(const std::string& name) {
  auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; };
  // It becomes part of key files' names: no separators, no leading dot.
  if (name.empty() || name.front() == '.' || name.front() == '-' || !std::ranges::all_of(name, allowed))
    return fail(fmt::format("'{}' is not a host name: use letters, digits, '.', '-' and '_'", name));
  if (name.size() <= kMaxHostName) return {};
  return fail(
      fmt::format("the host name '{}' is longer than {} characters, more than fits a certificate's "
                  "common name: use a shorter one",
                  name, kMaxHostName));
}

}  // namespace

trust::Host normalised(trust::Host host) {
  for (std::string& address : host.addresses)
    if (auto parsed = parse_ip_address(address)) address = parsed->text();
  return host;
}

Status check_host(const trust::Host& host) {
  ANCHORD_TRY(check_name(host.name));
  if (host.addresses.size() > kMaxHostAddresses)
    return fail(fmt::format("the host '{}' has {} addresses: give {} at the most", host.name,
                            host.addresses.size(), kMaxHostAddresses));
  for (auto address = host.addresses.begin(); address != host.addresses.end(); ++address) {
    if (!is_address(*address))
      return fail(fmt::format("'{}' of host '{}' is not an IPv4 or IPv6 address", *address, host.name));
    if (std::find(host.addresses.begin(), address, *address) != address)
      return fail(fmt::format("the address '{}' is given twice: each is one host's", *address));
  }
  return {};
}

// An address that two hosts have would not say which of them this is.
Status check_beside(const trust::Host& host, std::span<const trust::Host> others) {
  for (const trust::Host& other : others) {
    if (same_ignoring_case(other.name, host.name))
      return fail(fmt::format("there is a host '{}' already: give each its own name", other.name));
    for (const std::string& address : host.addresses)
      if (std::ranges::find(other.addresses, address) != other.addresses.end())
        return fail(
            fmt::format("the address '{}' is that of host '{}': each is one host's", address, other.name));
  }
  return {};
}

}  // namespace anchord::store
