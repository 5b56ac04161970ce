// More handshakes than can be served, in virtual time.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "world.h"

namespace anchord::sim {
namespace {

// As the service has them.
constexpr std::size_t kMaxPendingHellos = 128;
constexpr std::size_t kMaxSilent = 512;

TEST(Overload, WhoIsNotServedYetWaitsInTheKernel) {
  World world({});
  const std::uint8_t start_of_a_hello[] = {0x16, 3, 1, 2, 0};
  std::vector<int> peers;
  for (unsigned i = 0; i < 600; ++i) {
    peers.push_back(world.sim.connect(world.listener, world.peer(i, 1)));
    world.sim.peer_send(peers.back(), start_of_a_hello);
  }
  // One is accepted in each tick, and its flight served in the next: none piles up.
  std::size_t most = 0;
  world.run_for(50, [&] { most = std::max(most, world.sim.buffers_out(io::Group::tcp)); });
  EXPECT_LE(most, kMaxPendingHellos);
  EXPECT_EQ(world.sim.open_connections(), 600u);
}

TEST(Overload, SilentOnesBeyondALimitGiveWay) {
  service::ShardSettings shard{.stream = {.max_per_address = 4096}};
  World world({.shard = shard});
  std::size_t most = 0;
  for (unsigned i = 0; i < 1500; ++i) world.sim.connect(world.listener, world.peer(i, 1));
  Phone phone(world, 2000, {});
  world.run_for(1000, [&] {
    most = std::max(most, world.sim.open_connections());
    phone.pump();
  });
  EXPECT_TRUE(phone.satisfied());
  EXPECT_LE(most, kMaxSilent + 1);
  EXPECT_GE(world.counters.tvs_evicted.get(), 1500 - kMaxSilent);
}

TEST(Overload, NothingIsSignedForWhoHasLeft) {
  World world({});
  Phone phone(world, 1, {.questions = 1, .at_once = 0});
  phone.pump();  // its first flight is on its way
  world.sim.peer_close(phone.peer());
  world.run_for(100);
  EXPECT_TRUE(world.sim.peer_closed_by_server(phone.peer()));
  EXPECT_EQ(world.counters.tvs_handshake_timeouts.get(), 1u);
  EXPECT_TRUE(world.sim.peer_take(phone.peer()).empty());
}

// The backlog is what can be served in a second, and long again when that is over.
TEST(Overload, TheBacklogFollowsWhatIsServed) {
  World world({});
  std::vector<std::unique_ptr<Phone>> phones;
  unsigned number = 0;
  const Millis end = world.sim.time() + 1500;
  auto more = [&] {
    if (world.sim.time() >= end) return;
    // Two come for one that can be accepted; each tick takes ten milliseconds.
    for (int i = 0; i < 2; ++i) {
      ++number;
      phones.push_back(std::make_unique<Phone>(world, number, Phone::Manner{.seed = number}));
    }
    for (auto& phone : phones) phone->pump();
    world.sim.advance(10);
  };
  world.run_for(1500, more);
  EXPECT_LT(world.sim.backlog(world.listener), 300u);
  EXPECT_GE(world.sim.backlog(world.listener), 64u);
  world.run_for(60'000);
  EXPECT_EQ(world.sim.backlog(world.listener), static_cast<std::size_t>(service::kBacklog));
}

}  // namespace
}  // namespace anchord::sim
