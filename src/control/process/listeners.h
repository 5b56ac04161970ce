// All sockets of all shards, bound before anything serves, so that a port in use is
// found at start and privileges can be given up afterwards.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchord/control/options.h"
#include "anchord/io/socket.h"
#include "anchord/service/shard.h"

namespace anchord::control {

class Listeners {
 public:
  // Sockets that one shard uses for TFTP transfers from one address; each is a
  // port that a forged packet would have to guess. They cost descriptors, not time.
  static constexpr unsigned kTransferSockets = 64;

  static Result<Listeners> bind(const Options& options, unsigned shards);

  // What keeps it from binding, one line each: each port is bound alone for a moment. Addresses that this
  // machine has not are start_checks.h's.
  static std::vector<std::string> problems(const Options& options);

  service::ShardSockets for_shard(unsigned shard) const;
  const std::vector<io::Address>& tvs() const { return tvs_; }
  const std::vector<io::Address>& tftp() const { return tftp_; }
  const std::vector<io::Address>& http() const { return http_; }
  const std::vector<io::Address>& https() const { return https_; }
  // The admin endpoint's; none where it is not served.
  const std::optional<io::Address>& admin() const { return admin_; }
  FileDescriptor take_admin() { return std::move(admin_socket_); }

  // Descriptors that these sockets need, and the connections that they may accept.
  static std::size_t descriptors(const Options& options, unsigned shards);
  static std::size_t connections(const Options& options, unsigned shards);

 private:
  struct TftpSet {
    FileDescriptor requests;
    std::vector<FileDescriptor> transfers;
    bool v4 = true;
  };
  struct ShardSet {
    std::vector<FileDescriptor> tvs;
    std::vector<FileDescriptor> http;
    std::vector<FileDescriptor> https;
    std::vector<TftpSet> tftp;
  };
  using StreamSockets = std::vector<FileDescriptor> ShardSet::*;

  Status bind_host(const io::Host& host, const Options& options);
  Status bind_stream(io::Address address, StreamSockets sockets, std::vector<io::Address>& bound);
  Status bind_tftp(io::Address address);
  Status bind_admin(const AdminAddress& where);
  void warn_of_small_buffer() const;

  std::vector<ShardSet> shards_;
  std::vector<io::Address> tvs_;
  std::vector<io::Address> tftp_;
  std::vector<io::Address> http_;
  std::vector<io::Address> https_;
  std::optional<io::Address> admin_;
  FileDescriptor admin_socket_;
};

}  // namespace anchord::control
