// All sockets of all shards, bound before anything serves, so that a port in use is
// found at start and privileges can be given up afterwards.
#pragma once

#include <string>
#include <vector>

#include "anchord/control/options.h"
#include "anchord/io/socket.h"
#include "anchord/service/shard.h"

namespace anchord::control {

class Listeners {
 public:
  // Sockets that one shard uses for TFTP transfers from one address; each is a
  // port that a forged packet would have to guess.
  static constexpr unsigned kTransferSockets = 16;

  static Result<Listeners> bind(const Options& options, unsigned shards);

  service::ShardSockets for_shard(unsigned shard) const;
  const std::vector<io::Address>& tvs() const { return tvs_; }
  const std::vector<io::Address>& tftp() const { return tftp_; }

  static std::size_t descriptors(const Options& options, unsigned shards);

 private:
  struct TftpSet {
    io::Descriptor requests;
    std::vector<io::Descriptor> transfers;
    bool v4 = true;
  };
  struct ShardSet {
    std::vector<io::Descriptor> tvs;
    std::vector<TftpSet> tftp;
  };

  Status bind_tvs(io::Address address);
  Status bind_tftp(io::Address address);

  std::vector<ShardSet> shards_;
  std::vector<io::Address> tvs_;
  std::vector<io::Address> tftp_;
};

}  // namespace anchord::control
