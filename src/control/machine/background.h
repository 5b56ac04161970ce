// What the threads beside the shards have in common.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace anchord::control {

// The calling thread leaves its core to a shard that wants it, from now on.
inline void give_way_to_shards() {
  constexpr int kNice = 10;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

}  // namespace anchord::control
