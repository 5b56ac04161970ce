#include "process/sizing.h"

#include <gtest/gtest.h>

namespace anchord::control {
namespace {

// All shards together give one address little more than what is meant for it; and each gives what
// the phones behind that address need, which come to the shards by chance.
TEST(Sizing, TheBudgetsOfUnprovenPacketsAreOfAllShards) {
  const Options options;
  const service::TftpSettings& whole = options.shard.tftp;
  EXPECT_EQ(settings_of_shard(options, 1).tftp.unproven_per_address.burst, whole.unproven_per_address.burst);
  for (unsigned shards : {2u, 3u, 8u, 64u}) {
    const service::TftpSettings one = settings_of_shard(options, shards).tftp;
    EXPECT_GE(one.unproven_per_address.burst, 1000 / shards + 4) << shards;
    EXPECT_LE(one.unproven_per_address.burst * shards, 2 * whole.unproven_per_address.burst) << shards;
    EXPECT_LE(one.unproven_per_network.burst * shards, 2 * whole.unproven_per_network.burst) << shards;
    EXPECT_LE(one.unproven_per_address.per_second * shards, whole.unproven_per_address.per_second + shards);
    EXPECT_GE(one.max_unproven * shards, whole.max_unproven);
  }
}

}  // namespace
}  // namespace anchord::control
