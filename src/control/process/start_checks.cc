#include "anchord/control/start_checks.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "anchord/admin/access.h"
#include "anchord/crypto/tls.h"
#include "anchord/io/socket.h"
#include "anchord/store/hosts.h"
#include "anchord/store/service_lock.h"
#include "process/memory_plan.h"
#include "process/privileges.h"
#include "process/sizing.h"
#include "snapshot/host_choice.h"

namespace anchord::control {
namespace {

// Bound to a port of the kernel's choice: it says whether the machine has the address.
Status check_address(const io::Host& host) {
  const auto udp = io::bind_udp({.host = host}, 0, false);
  const auto tcp = io::listen_tcp({.host = host}, 1, false);
  if (udp && tcp) return {};
  const std::string& text = (udp ? tcp : udp).error().text;
  if (text.ends_with(std::make_error_code(std::errc::address_not_available).message()))
    return fail(fmt::format("--listen {}: this machine has no such address: look at --listen", host.text()));
  return fail(fmt::format("--listen {}: {}: look at --listen", host.text(), text));
}

// "::" takes all addresses, "0.0.0.0" those of IPv4.
bool takes_in(const io::Host& all, const io::Host& one) {
  return all == one || (all.is_any() && (!all.is_v4() || one.is_v4()));
}

void check_listen(const Options& options, std::vector<Refusal>& out) {
  const std::vector<io::Host>& listen = options.listen;
  for (auto host = listen.begin(); host != listen.end(); ++host) {
    const auto before = std::find(listen.begin(), host, *host);
    auto clashes = [&](const io::Host& other) { return other != *host && takes_in(other, *host); };
    const auto wider = std::ranges::find_if(listen, clashes);
    if (before != host) {
      out.push_back({{"--listen"}, fmt::format("--listen {} is given twice: once is enough", host->text())});
    } else if (wider != listen.end()) {
      out.push_back(
          {{"--listen"},
           fmt::format("--listen {} takes in {}: leave one of them out", wider->text(), host->text())});
    } else if (Status there = check_address(*host); !there) {
      out.push_back({{"--listen"}, there.error().text});
    }
  }
}

void check_ports(const Options& options, std::vector<Refusal>& out) {
  struct Service {
    const PortChoice& port;
    const char* flag;
  };
  const std::array tcp{Service{options.tvs_port, "--tvs-port"}, Service{options.http_port, "--http-port"},
                       Service{options.https_port, "--https-port"}};
  for (auto one = tcp.begin(); one != tcp.end(); ++one) {
    if (one->port.number == 0) continue;
    const auto same = std::find_if(
        tcp.begin(), one, [&](const Service& other) { return other.port.number == one->port.number; });
    if (same != one)
      out.push_back({{one->flag, same->flag},
                     fmt::format("{} {} is the port of {} as well: each service needs its own", one->flag,
                                 one->port.number, same->flag)});
  }
  if (options.tvs_port.off() && options.tftp_port.off() && options.http_port.off() &&
      options.https_port.off())
    out.push_back({{"--tvs-port", "--tftp-port", "--http-port", "--https-port"},
                   "every service is switched off: give one of them a port"});
}

// What anybody on the network may ask is asked on TLS, and by those who have the token.
void check_admin(const Options& options, std::vector<Refusal>& out) {
  if (!options.admin) {
    auto refuse = [&](const char* flag, const std::filesystem::path& file) {
      if (!file.empty())
        out.push_back(
            {{flag}, fmt::format("{} is given without --admin: say where, as --admin 127.0.0.1:9445", flag)});
    };
    refuse("--admin-tls", options.admin_tls);
    return refuse("--admin-token", options.admin_token);
  }
  const io::Host& host = options.admin->host;
  if (!host.is_loopback() && (options.admin_tls.empty() || options.admin_token.empty())) {
    out.push_back({{"--admin"},
                   fmt::format("--admin {}: an address other than loopback needs --admin-tls and "
                               "--admin-token: give both, or take 127.0.0.1",
                               host.text())});
    return;
  }
  if (auto access = admin::read_access(options.admin_tls, {}); !access)
    out.push_back({{"--admin-tls"}, access.error().text});
  if (auto access = admin::read_access({}, options.admin_token); !access)
    out.push_back({{"--admin-token"}, access.error().text});
}

void check_memory(const Options& options, std::vector<Refusal>& out) {
  const auto plan = plan_memory(memory_limits(options), memory_needed(options, shard_count(options)));
  if (!plan)
    out.push_back({{"--max-memory", "--max-connections", "--max-transfers", "--shards"}, plan.error().text});
}

}  // namespace

std::vector<Refusal> refused_by_machine(const Options& options) {
  std::vector<Refusal> out;
  auto take = [&](const char* flag, const Status& good) {
    if (!good) out.push_back({{flag}, good.error().text});
  };
  take("--user", check_user(options.user));
  take("--tls-ciphers", crypto::check_ciphers(options.tls_ciphers));
  check_listen(options, out);
  check_ports(options, out);
  check_admin(options, out);
  check_memory(options, out);
  return out;
}

std::vector<Refusal> refused_by_state(const Options& options) {
  if (options.state.empty())
    return {
        {{"--state"}, "there is no state directory to serve from: give it with --state or ANCHORD_STATE"}};
  if (Status may = store::check_service_user(options.state, options.user); !may)
    return {{{"--user", "--state"}, may.error().text}};
  auto hosts = store::read_hosts(options.state);
  if (!hosts) return {{{"--state"}, hosts.error().text}};
  auto host = choose_host(options, *hosts);
  if (!host) return {{{"--host"}, host.error().text}};
  return {};
}

}  // namespace anchord::control
