// What a service of given options asks of the machine: said here once, for those who ask
// and for `--explain`, which tells it beforehand.
#pragma once

#include <cstddef>
#include <vector>

#include "anchord/control/options.h"
#include "anchord/io/uring.h"
#include "anchord/service/settings.h"

namespace anchord::control {

// Bytes of socket memory: for the requests of thousands of phones that boot within a
// millisecond, and for the windows that are on their way at once.
constexpr int kRequestBuffer = 4 << 20;
constexpr int kTransferBuffer = 1 << 20;

// The cores that this process may use, so that a container's limits are kept.
std::vector<unsigned> usable_cores();

// As many as asked for, else one for each usable core.
unsigned shard_count(const Options& options);

// One shard's part of the limits that are given for the whole service.
service::ShardSettings settings_of_shard(const Options& options, unsigned shards);

// The ring of one of its shards.
io::UringSettings ring_settings(const Options& options, const io::Waker& waker);

// With the sockets, the connections, and what else is open.
std::size_t descriptors_needed(const Options& options, unsigned shards);

// That so many are allowed; raises the soft limit for it.
Status check_descriptors(const Options& options, unsigned shards);

}  // namespace anchord::control
