#include "snapshot/host_choice.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>

#include "anchord/base/file_descriptor.h"
#include "anchord/io/address.h"

namespace anchord::control {
namespace {

constexpr std::uint16_t kDiscardPort = 9;  // a route leads to the address, whatever the port

// Whether this machine has the address: the kernel would send from it to itself. A socket that is connected
// for UDP sends nothing. Asking for a list of addresses would need netlink, which the unit of systemd
// forbids.
bool is_local(const io::Host& host) {
  const bool v4 = host.is_v4();
  const FileDescriptor asking(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  socklen_t length = io::to_kernel({.host = host, .port = kDiscardPort}, v4, address);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (!asking || ::connect(asking.get(), name, length) != 0) return false;
  length = sizeof address;
  return ::getsockname(asking.get(), name, &length) == 0 && io::from_kernel(address).host == host;
}

const trust::Host* with_address(const std::vector<trust::Host>& hosts,
                                const std::function<bool(const io::Host&)>& is_ours) {
  for (const trust::Host& host : hosts) {
    for (const std::string& text : host.addresses) {
      Result<io::Host> address = io::parse_host(text);
      if (address && is_ours(*address)) return &host;
    }
  }
  return nullptr;
}

}  // namespace

Result<std::string> choose_host(const Options& options, const std::vector<trust::Host>& hosts) {
  if (options.host.empty()) {
    const trust::Host* found = with_address(hosts, [&](const io::Host& host) {
      return std::ranges::find(options.listen, host) != options.listen.end();
    });
    if (found == nullptr) found = with_address(hosts, is_local);
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
