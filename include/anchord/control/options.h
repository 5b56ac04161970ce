// How one anchord is to run: its command line, understood and checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/log.h"
#include "anchord/crypto/tls.h"
#include "anchord/io/address.h"
#include "anchord/service/settings.h"

namespace anchord::control {

// A port number, "auto" for a free one, or 0 for "not this service".
struct PortChoice {
  bool automatic = false;
  std::uint16_t number = 0;

  bool off() const { return !automatic && number == 0; }
};
Result<PortChoice> parse_port(std::string_view text);

// Where the admin endpoint is served.
struct AdminAddress {
  io::Host host;
  PortChoice port;  // never off
};
// "127.0.0.1:9445", "[::1]:9445", "127.0.0.1:auto"
Result<AdminAddress> parse_admin(std::string_view text);

struct Options {
  std::filesystem::path state;
  std::string host;              // empty: the one whose address is local, else the first
  std::vector<io::Host> listen;  // empty: all addresses
  PortChoice tvs_port{.number = 2445};
  PortChoice tftp_port{.number = 69};
  PortChoice http_port{.number = 6970};
  PortChoice https_port{.number = 6971};
  unsigned shards = 0;  // 0: one for each core
  bool pin = true;
  unsigned ring_entries = 4096;
  unsigned tcp_buffers = 512;  // for each shard
  unsigned udp_buffers = 1024;
  unsigned busy_poll = 0;  // microseconds, for each shard
  // These three over all shards, the first two for each of TVS, HTTP and HTTPS.
  std::uint32_t max_connections = 4096;
  std::uint32_t max_per_address = 1024;
  std::uint32_t max_transfers = 32768;
  crypto::TlsVersion tls_min = crypto::TlsVersion::v1_2;
  std::string tls_ciphers{crypto::kDefaultCiphers};
  service::ShardSettings shard;              // timeouts, networks; the limits are derived from the above
  std::uint64_t max_file_size = 128u << 20;  // bytes, in the provisioning folder
  std::uint64_t max_folder_size = std::uint64_t{8} << 30;  // of all files in it
  // Bytes that the service may take in all; 0: as much as the machine and its limits give. Files get
  // what is left.
  std::uint64_t max_memory = 0;
  // Seconds for which many files that go at once stay in service; 0: they go.
  unsigned hold_removals = 60;
  // Added certificates that have ended are answered as unknown.
  bool refuse_expired = false;
  std::string user;                   // to drop privileges to once the ports are bound; empty: none
  std::optional<AdminAddress> admin;  // without it there is no admin endpoint
  std::filesystem::path admin_tls;    // its certificate and key; empty: it is plain HTTP
  std::filesystem::path admin_token;  // the file of its bearer token; empty: none is asked for
  log::Level log_level{log::Level::info};
  log::Format log_format = log::Format::text;
};

}  // namespace anchord::control
