#include "process/listeners.h"

#include <fmt/core.h>

#include <chrono>
#include <system_error>
#include <thread>

#include "anchord/admin/server.h"
#include "anchord/base/log.h"
#include "process/sizing.h"

namespace anchord::control {
namespace {

std::vector<io::Host> hosts_of(const Options& options) {
  if (!options.listen.empty()) return options.listen;
  io::Host any_v6;
  // A machine without IPv6 has IPv4 all the same.
  if (io::bind_udp({.host = any_v6}, 0, false)) return {any_v6};
  return {*io::parse_host("0.0.0.0")};
}

std::size_t stream_services(const Options& options) {
  return static_cast<std::size_t>(!options.tvs_port.off()) +
         static_cast<std::size_t>(!options.http_port.off()) +
         static_cast<std::size_t>(!options.https_port.off());
}

bool is_for(const Error& error, std::errc reason) {
  return error.text.ends_with(std::make_error_code(reason).message());
}

constexpr char kAdminFlag[] = "--admin";

// What helps depends on why. The ports of the service below 1024 are for those with the right to them.
Status with_remedy(Status failed, std::string_view flag) {
  std::string& text = failed.error().text;
  if (is_for(failed.error(), std::errc::permission_denied)) {
    text += fmt::format(
        "; it needs CAP_NET_BIND_SERVICE: start as root with --user, or from systemd "
        "(AmbientCapabilities=CAP_NET_BIND_SERVICE), or choose another with {}",
        flag);
  } else if (is_for(failed.error(), std::errc::address_not_available)) {
    // It has gone since it was looked at.
    text += fmt::format("; this machine has no such address: look at {}",
                        flag == kAdminFlag ? kAdminFlag : "--listen");
  } else {
    text += fmt::format("; end what has the port, or choose another with {}", flag);
  }
  return failed;
}

constexpr char kTvsFlags[] = "--tvs-port or --listen";
constexpr char kHttpFlags[] = "--http-port or --listen";
constexpr char kHttpsFlags[] = "--https-port or --listen";
constexpr char kTftpFlags[] = "--tftp-port or --listen";

// Ports are shared between shards, so another process of ours could share them
// too: an exclusive socket that is closed again finds out.
Status try_stream(const io::Address& address) {
  if (address.port == 0) return {};
  ANCHORD_TRY(io::listen_tcp(address, 1, false));
  return {};
}

Status try_datagrams(const io::Address& address) {
  if (address.port == 0) return {};
  ANCHORD_TRY(io::bind_udp(address, 0, false));
  return {};
}

// The kernel closes what an io_uring holds on a thread of its own, when whoever had it is gone already:
// after a crash, the port that is waited for is our own.
constexpr auto kPortWait = std::chrono::seconds(5);
constexpr auto kPortPause = std::chrono::milliseconds(20);

Status wait_for_port(const io::Address& address, Status (*attempt)(const io::Address&)) {
  const auto end = std::chrono::steady_clock::now() + kPortWait;
  for (bool told = false;; told = true) {
    Status tried = attempt(address);
    if (tried || !is_for(tried.error(), std::errc::address_in_use)) return tried;
    if (std::chrono::steady_clock::now() > end) return tried;
    if (!told) log::info(fmt::format("{} is in use: waiting {} s for it", address.text(), kPortWait.count()));
    std::this_thread::sleep_for(kPortPause);
  }
}

}  // namespace

std::vector<std::string> Listeners::problems(const Options& options) {
  std::vector<std::string> out;
  auto take = [&](const Status& bound, std::string_view flags) {
    if (!bound) out.push_back(with_remedy(bound, flags).error().text);
  };
  for (const io::Host& host : hosts_of(options)) {
    if (!io::bind_udp({.host = host}, 0, false)) continue;
    take(try_stream({.host = host, .port = options.tvs_port.number}), kTvsFlags);
    take(try_stream({.host = host, .port = options.http_port.number}), kHttpFlags);
    take(try_stream({.host = host, .port = options.https_port.number}), kHttpsFlags);
    take(try_datagrams({.host = host, .port = options.tftp_port.number}), kTftpFlags);
  }
  if (options.admin)
    take(try_stream({.host = options.admin->host, .port = options.admin->port.number}), kAdminFlag);
  return out;
}

Result<Listeners> Listeners::bind(const Options& options, unsigned shards) {
  Listeners out;
  out.shards_.resize(shards);
  for (const io::Host& host : hosts_of(options)) ANCHORD_TRY(out.bind_host(host, options));
  if (options.admin) ANCHORD_TRY(out.bind_admin(*options.admin));
  out.warn_of_small_buffer();
  return out;
}

Status Listeners::bind_host(const io::Host& host, const Options& options) {
  // With a free port chosen once, every further address gets the same.
  auto port_for = [](const PortChoice& choice, const std::vector<io::Address>& bound) {
    return bound.empty() ? choice.number : bound.front().port;
  };
  struct Stream {
    const PortChoice& port;
    StreamSockets sockets;
    std::vector<io::Address>& bound;
    const char* flags;
  };
  for (const Stream& s : {Stream{options.tvs_port, &ShardSet::tvs, tvs_, kTvsFlags},
                          Stream{options.http_port, &ShardSet::http, http_, kHttpFlags},
                          Stream{options.https_port, &ShardSet::https, https_, kHttpsFlags}}) {
    if (s.port.off()) continue;
    io::Address address{.host = host, .port = port_for(s.port, s.bound)};
    if (Status bound = bind_stream(address, s.sockets, s.bound); !bound) return with_remedy(bound, s.flags);
  }
  if (options.tftp_port.off()) return {};
  Status bound = bind_tftp({.host = host, .port = port_for(options.tftp_port, tftp_)});
  return bound ? bound : with_remedy(bound, kTftpFlags);
}

Status Listeners::bind_stream(io::Address address, StreamSockets sockets, std::vector<io::Address>& bound) {
  ANCHORD_TRY(wait_for_port(address, try_stream));
  for (ShardSet& shard : shards_) {
    ANCHORD_TRY_ASSIGN(auto listener, io::listen_tcp(address, service::kBacklog, true));
    address = io::local_address(listener.get());
    (shard.*sockets).push_back(std::move(listener));
  }
  bound.push_back(address);
  return {};
}

void Listeners::warn_of_small_buffer() const {
  if (tftp_.empty()) return;
  int got = io::receive_buffer(shards_.front().tftp.front().requests.get());
  if (got >= kRequestBuffer) return;
  log::warn(
      fmt::format("TFTP: the kernel gives {} bytes for waiting requests instead of {}; when many phones "
                  "boot at once some will have to ask again: raise net.core.rmem_max",
                  got, kRequestBuffer));
}

Status Listeners::bind_tftp(io::Address address) {
  ANCHORD_TRY(wait_for_port(address, try_datagrams));
  for (ShardSet& shard : shards_) {
    TftpSet set;
    ANCHORD_TRY_ASSIGN(auto requests, io::bind_udp(address, kRequestBuffer, true));
    address = io::local_address(requests.get());
    set.v4 = io::is_v4_socket(requests.get());
    set.requests = std::move(requests);
    for (unsigned i = 0; i < kTransferSockets; ++i) {
      ANCHORD_TRY_ASSIGN(FileDescriptor transfer, io::bind_udp({.host = address.host, .scope = address.scope},
                                                               kTransferBuffer, false));
      set.transfers.push_back(std::move(transfer));
    }
    shard.tftp.push_back(std::move(set));
  }
  tftp_.push_back(address);
  return {};
}

// One thread serves it, so that nobody else may have its port.
Status Listeners::bind_admin(const AdminAddress& where) {
  auto socket =
      io::listen_tcp({.host = where.host, .port = where.port.number}, admin::Server::kBacklog, false);
  if (!socket) return with_remedy(std::unexpected(std::move(socket.error())), kAdminFlag);
  admin_socket_ = std::move(*socket);
  admin_ = io::local_address(admin_socket_.get());
  return {};
}

service::ShardSockets Listeners::for_shard(unsigned shard) const {
  service::ShardSockets out;
  const ShardSet& own = shards_[shard];
  for (const FileDescriptor& d : own.tvs) out.tvs.push_back(d.get());
  for (const FileDescriptor& d : own.http) out.http.push_back(d.get());
  for (const FileDescriptor& d : own.https) out.https.push_back(d.get());
  for (const TftpSet& set : own.tftp) {
    auto& tftp = out.tftp.emplace_back();
    tftp.requests = set.requests.get();
    tftp.v4 = set.v4;
    for (const FileDescriptor& d : set.transfers) tftp.transfers.push_back(d.get());
  }
  return out;
}

std::size_t Listeners::descriptors(const Options& options, unsigned shards) {
  std::size_t addresses = options.listen.empty() ? 1 : options.listen.size();
  return addresses * shards * (stream_services(options) + 1 + kTransferSockets) +
         (options.admin ? admin::Server::descriptors() : 0);
}

std::size_t Listeners::connections(const Options& options, unsigned shards) {
  return stream_services(options) *
         (options.max_connections + std::size_t{shards} * service::kSpareConnections);
}

}  // namespace anchord::control
