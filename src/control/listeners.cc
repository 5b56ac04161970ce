#include "listeners.h"

#include <fmt/format.h>

namespace anchord::control {
namespace {

// Connections that wait for their shard; a boot storm arrives within milliseconds.
constexpr int kBacklog = 4096;
// A thousand requests of a boot storm, in bytes of socket memory.
constexpr int kUdpReceiveBuffer = 4 << 20;

std::vector<io::Host> hosts_of(const Options& options) {
  if (!options.listen.empty()) return options.listen;
  io::Host any_v6;
  // A machine without IPv6 has IPv4 all the same.
  if (io::bind_udp({.host = any_v6}, 0, false)) return {any_v6};
  return {*io::parse_host("0.0.0.0")};
}

Status in_use(Status failed, std::string_view flag) {
  failed.error().text += fmt::format("; end what has the port, or choose another with {}", flag);
  return failed;
}

}  // namespace

Result<Listeners> Listeners::bind(const Options& options, unsigned shards) {
  Listeners out;
  out.shards_.resize(shards);
  for (const io::Host& host : hosts_of(options)) {
    if (!options.tvs_port.off()) {
      // With a free port chosen once, every further address gets the same.
      std::uint16_t port = out.tvs_.empty() ? options.tvs_port.number : out.tvs_.front().port;
      if (Status bound = out.bind_tvs({.host = host, .port = port}); !bound)
        return std::unexpected(in_use(bound, "--tvs-port or --listen").error());
    }
    if (!options.tftp_port.off()) {
      std::uint16_t port = out.tftp_.empty() ? options.tftp_port.number : out.tftp_.front().port;
      if (Status bound = out.bind_tftp({.host = host, .port = port}); !bound)
        return std::unexpected(in_use(bound, "--tftp-port or --listen").error());
    }
  }
  if (out.tvs_.empty() && out.tftp_.empty())
    return fail("every service is switched off: give one of them a port");
  return out;
}

Status Listeners::bind_tvs(io::Address address) {
  // Ports are shared between shards, so another process of ours could share them
  // too: an exclusive socket that is closed again finds out.
  if (address.port != 0) {
    if (auto alone = io::listen_tcp(address, 1, false); !alone) return std::unexpected(alone.error());
  }
  for (ShardSet& shard : shards_) {
    Result<io::Descriptor> listener = io::listen_tcp(address, kBacklog, true);
    if (!listener) return std::unexpected(listener.error());
    address = io::local_address(listener->get());
    shard.tvs.push_back(std::move(*listener));
  }
  tvs_.push_back(address);
  return {};
}

Status Listeners::bind_tftp(io::Address address) {
  if (address.port != 0) {
    if (auto alone = io::bind_udp(address, 0, false); !alone) return std::unexpected(alone.error());
  }
  for (ShardSet& shard : shards_) {
    TftpSet set;
    Result<io::Descriptor> requests = io::bind_udp(address, kUdpReceiveBuffer, true);
    if (!requests) return std::unexpected(requests.error());
    address = io::local_address(requests->get());
    set.v4 = io::is_v4_socket(requests->get());
    set.requests = std::move(*requests);
    for (unsigned i = 0; i < kTransferSockets; ++i) {
      Result<io::Descriptor> transfer =
          io::bind_udp({.host = address.host, .scope = address.scope}, kUdpReceiveBuffer, false);
      if (!transfer) return std::unexpected(transfer.error());
      set.transfers.push_back(std::move(*transfer));
    }
    shard.tftp.push_back(std::move(set));
  }
  tftp_.push_back(address);
  return {};
}

service::ShardSockets Listeners::for_shard(unsigned shard) const {
  service::ShardSockets out;
  for (const io::Descriptor& d : shards_[shard].tvs) out.tvs.push_back(d.get());
  for (const TftpSet& set : shards_[shard].tftp) {
    auto& tftp = out.tftp.emplace_back();
    tftp.requests = set.requests.get();
    tftp.v4 = set.v4;
    for (const io::Descriptor& d : set.transfers) tftp.transfers.push_back(d.get());
  }
  return out;
}

std::size_t Listeners::descriptors(const Options& options, unsigned shards) {
  std::size_t addresses = options.listen.empty() ? 1 : options.listen.size();
  return addresses * shards * (2 + kTransferSockets);
}

}  // namespace anchord::control
