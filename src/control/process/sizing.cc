#include "process/sizing.h"

#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <cmath>

#include "process/listeners.h"

namespace anchord::control {
namespace {

// Files, the database, the control socket and its clients, and a reserve.
constexpr std::size_t kOtherDescriptors = 128;

}  // namespace

std::vector<unsigned> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> out;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return out;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) out.push_back(core);
  return out;
}

unsigned shard_count(const Options& options) {
  if (options.shards != 0) return options.shards;
  return std::max(1u, static_cast<unsigned>(usable_cores().size()));
}

service::ShardSettings settings_of_shard(const Options& options, unsigned shards) {
  auto share = [&](std::uint32_t total) { return std::max(1u, (total + shards - 1) / shards); };
  service::ShardSettings out = options.shard;
  out.stream.max_connections = share(options.max_connections);
  out.stream.max_per_address = share(options.max_per_address);
  out.tftp.max_transfers = share(options.max_transfers);
  out.tftp.max_unproven = share(out.tftp.max_unproven);
  // Phones behind one address come to the shards by their ports, so never quite evenly: each may
  // have what binomial chance gives it but for one time in ten thousand.
  for (service::TokenBucketSettings* budget :
       {&out.tftp.unproven_per_address, &out.tftp.unproven_per_network}) {
    if (shards == 1) continue;
    const std::uint32_t even = share(budget->burst);
    budget->burst = even + 4 * static_cast<std::uint32_t>(std::ceil(std::sqrt(even)));
    budget->per_second = share(budget->per_second);
  }
  return out;
}

io::UringSettings ring_settings(const Options& options, const io::Waker& waker) {
  return {.entries = options.ring_entries,
          .tcp_buffers = options.tcp_buffers,
          .udp_buffers = options.udp_buffers,
          .busy_poll = options.busy_poll,
          .waker = waker};
}

std::size_t descriptors_needed(const Options& options, unsigned shards) {
  return Listeners::connections(options, shards) + Listeners::descriptors(options, shards) +
         kOtherDescriptors;
}

Status check_descriptors(const Options& options, unsigned shards) {
  const std::size_t needed = descriptors_needed(options, shards);
  const std::size_t allowed = io::raise_descriptor_limit();
  if (allowed >= needed) return {};
  return fail(
      fmt::format("{} open files are allowed and {} needed for {} connections: raise the limit "
                  "(ulimit -n, LimitNOFILE=) or lower --max-connections",
                  allowed, needed, options.max_connections));
}

}  // namespace anchord::control
