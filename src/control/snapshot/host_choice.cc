#include "snapshot/host_choice.h"

#include <fmt/core.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>

#include "anchord/io/address.h"

namespace anchord::control {
namespace {

std::vector<io::Host> local_hosts() {
  std::vector<io::Host> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    if (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6) continue;
    sockaddr_storage address{};
    std::copy_n(reinterpret_cast<const std::uint8_t*>(i->ifa_addr),
                i->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6),
                reinterpret_cast<std::uint8_t*>(&address));
    out.push_back(io::from_kernel(address).host);
  }
  ::freeifaddrs(list);
  return out;
}

const trust::Host* with_address_among(const std::vector<trust::Host>& hosts,
                                      const std::vector<io::Host>& addresses) {
  for (const trust::Host& host : hosts) {
    for (const std::string& text : host.addresses) {
      Result<io::Host> address = io::parse_host(text);
      if (address && std::ranges::find(addresses, *address) != addresses.end()) return &host;
    }
  }
  return nullptr;
}

}  // namespace

Result<std::string> choose_host(const Options& options, const std::vector<trust::Host>& hosts) {
  if (options.host.empty()) {
    const trust::Host* found = with_address_among(hosts, options.listen);
    if (found == nullptr) found = with_address_among(hosts, local_hosts());
    return found != nullptr ? found->name : hosts.front().name;
  }
  std::string known;
  for (const trust::Host& host : hosts) {
    if (host.name == options.host) return host.name;
    known += (known.empty() ? "" : ", ") + host.name;
  }
  return fail(fmt::format("host '{}' is not one of the cluster's: --host takes {}", options.host, known));
}

}  // namespace anchord::control
