// Deadlines and limits of TVS connections, in virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "world.h"

namespace anchord::sim {
namespace {

constexpr service::StreamSettings kDefaults{};

TEST(Limits, ASilentConnectionEndsAtTheHandshakeDeadline) {
  World world({});
  int peer = world.sim.connect(world.listener, world.peer(1, 1));
  world.run_for(kDefaults.handshake_timeout - 100);
  EXPECT_FALSE(world.sim.peer_closed_by_server(peer));
  world.run_for(200);
  EXPECT_TRUE(world.sim.peer_closed_by_server(peer));
  EXPECT_EQ(world.counters.tvs_handshake_timeouts.get(), 1u);
}

TEST(Limits, TricklingBytesDoNotExtendTheHandshake) {
  World world({});
  int peer = world.sim.connect(world.listener, world.peer(1, 1));
  const std::uint8_t header[] = {0x16, 3, 1, 2, 0};
  world.sim.peer_send(peer, header);
  for (Millis t = 100; t < 20'000; t += 100)
    world.sim.at(world.sim.time() + t, [&] { world.sim.peer_send(peer, Buffer{0}); });
  world.run_for(kDefaults.handshake_timeout + 100);
  EXPECT_TRUE(world.sim.peer_closed_by_server(peer));
}

TEST(Limits, BytesOfARequestDoNotExtendItsDeadline) {
  World world({});
  Phone phone(world, 1, {.questions = 1, .at_once = 0});
  world.run_for(100, [&] { phone.pump(); });
  ASSERT_TRUE(phone.handshaken());
  // A request that says it has 100 bytes, and brings one a second.
  const std::uint8_t header[] = {0x57, 1, 1, 0, 0, 0, 0, 1, 0, 100};
  phone.send_raw(header);
  for (Millis t = 1000; t < kDefaults.request_timeout; t += 1000)
    world.sim.at(world.sim.time() + t, [&] { phone.send_raw(Buffer{0}); });
  world.run_for(kDefaults.request_timeout - 500);
  EXPECT_FALSE(world.sim.peer_closed_by_server(phone.peer()));
  world.run_for(1000);
  EXPECT_TRUE(world.sim.peer_closed_by_server(phone.peer()));
  EXPECT_EQ(world.counters.tvs_idle_timeouts.get(), 1u);
}

TEST(Limits, IdleConnectionsEndAfterTheirLastAnswer) {
  World world({});
  Phone phone(world, 1, {.questions = 2, .close_after = false});
  world.run_for(kDefaults.idle_timeout - 500, [&] { phone.pump(); });
  EXPECT_TRUE(phone.satisfied());
  EXPECT_FALSE(phone.ended());
  world.run_for(1000, [&] { phone.pump(); });
  EXPECT_TRUE(phone.ended());
}

// Each limit counts from when what it is for begins, however long the one before it would have lasted.
TEST(Limits, AShortOneBehindALongOneHolds) {
  for (const service::StreamSettings& limits :
       {service::StreamSettings{
            .handshake_timeout = 600'000, .request_timeout = 1000, .idle_timeout = 600'000},
        service::StreamSettings{
            .handshake_timeout = 600'000, .request_timeout = 600'000, .idle_timeout = 1000}}) {
    World world({.shard = {.stream = limits}});
    const bool asks = limits.idle_timeout == 1000;
    Phone phone(world, 1, {.questions = asks ? 1u : 0u, .close_after = false});
    world.run_for(3000, [&] { phone.pump(); });
    EXPECT_TRUE(phone.ended()) << asks;
    EXPECT_EQ(world.counters.tvs_idle_timeouts.get(), 1u);
  }
}

TEST(Limits, OneAddressCannotTakeAllConnections) {
  service::ShardSettings shard{.stream = {.max_connections = 20, .max_per_address = 5}};
  World world({.shard = shard});
  std::vector<std::unique_ptr<Phone>> phones;
  auto pump = [&] {
    for (auto& phone : phones) phone->pump();
  };
  for (unsigned i = 0; i < 9; ++i) {
    phones.push_back(std::make_unique<Phone>(world, 1, Phone::Manner{.close_after = false, .seed = i}));
    world.run_for(200, pump);
  }
  // Those who were answered keep their places.
  EXPECT_EQ(std::ranges::count_if(phones, [](auto& phone) { return phone->satisfied(); }), 5);
  EXPECT_EQ(world.sim.open_connections(), 5u);
  EXPECT_EQ(world.counters.tvs_refused_address.get(), 4u);
  EXPECT_EQ(world.counters.tvs_evicted.get(), 0u);
  Phone other(world, 2, {});
  world.run_for(100, [&] { other.pump(); });
  EXPECT_TRUE(other.satisfied());
  // What ends makes room again.
  for (auto& phone : phones) world.sim.peer_close(phone->peer());
  world.run_for(100);
  world.sim.connect(world.listener, world.peer(1, 77));
  world.run_for(100);
  EXPECT_EQ(world.counters.tvs_refused_address.get(), 4u);
}

// Who says nothing, at once; who says what is no handshake, when a handshake would have ended long ago.
TEST(Limits, NeighboursWithoutAHandshakeGiveWay) {
  const std::uint8_t start_of_a_hello[] = {0x16, 3, 1, 2, 0};
  for (bool speak : {false, true}) {
    for (std::uint64_t seed : {1, 2, 3}) {
      service::ShardSettings shard{.stream = {.max_connections = 4000, .max_per_address = 50}};
      World world({.ring = {.faults = {.seed = seed, .reorder = true}}, .shard = shard});
      std::vector<std::unique_ptr<Phone>> phones;
      auto pump = [&] {
        for (auto& phone : phones) phone->pump();
      };
      for (std::uint16_t port = 1; port <= 400; ++port) {
        int peer = world.sim.connect(world.listener, world.peer(1, port));
        if (speak) world.sim.peer_send(peer, start_of_a_hello);
        if (port % 40 != 0) continue;
        phones.push_back(
            std::make_unique<Phone>(world, 1, Phone::Manner{.close_after = false, .seed = port}));
        if (speak) world.run_for(100, pump);
      }
      world.run_for(2000, pump);
      for (auto& phone : phones) EXPECT_TRUE(phone->satisfied() && !phone->ended());
      EXPECT_GE(world.counters.tvs_evicted.get(), 360u);
      EXPECT_EQ(world.counters.tvs_refused_address.get(), 0u);
      EXPECT_LE(world.sim.open_connections(), 50u);
    }
  }
}

TEST(Limits, NeighboursWhoShakeHandsAndAskNothingGiveWay) {
  service::ShardSettings shard{.stream = {.max_per_address = 5}};
  World world({.shard = shard});
  std::vector<std::unique_ptr<Phone>> idle;
  auto pump = [&] {
    for (auto& phone : idle) phone->pump();
  };
  for (unsigned i = 0; i < 5; ++i)
    idle.push_back(std::make_unique<Phone>(world, 1, Phone::Manner{.questions = 1, .at_once = 0}));
  world.run_for(100, pump);
  Phone soon(world, 1, {});
  world.run_for(100, [&] { soon.pump(); });
  EXPECT_EQ(world.counters.tvs_refused_address.get(), 1u);  // they may be about to ask
  world.run_for(1000);
  Phone later(world, 1, {});
  world.run_for(100, [&] { later.pump(); });
  EXPECT_TRUE(later.satisfied());
  EXPECT_EQ(world.counters.tvs_evicted.get(), 1u);
}

TEST(Limits, SilentConnectionsGiveWayAtTheLimit) {
  service::ShardSettings shard{.stream = {.max_connections = 20, .max_per_address = 1000}};
  World world({.shard = shard});
  for (unsigned i = 0; i < 200; ++i) world.sim.connect(world.listener, world.peer(i, 1));
  world.run_for(200);
  EXPECT_LE(world.sim.open_connections(), 20u);
  for (unsigned i = 0; i < 10; ++i) {
    Phone phone(world, 300 + i, {.seed = i});
    world.run_for(200, [&] { phone.pump(); });
    EXPECT_TRUE(phone.satisfied());
  }
  EXPECT_GE(world.counters.tvs_evicted.get(), 1u);
  EXPECT_LE(world.sim.open_connections(), 20u);
}

TEST(Limits, ABusyConnectionIsNotEvicted) {
  service::ShardSettings shard{.stream = {.max_connections = 4, .max_per_address = 1000}};
  World world({.shard = shard});
  std::vector<std::unique_ptr<Phone>> phones;
  for (unsigned i = 0; i < 4; ++i)
    phones.push_back(
        std::make_unique<Phone>(world, i, Phone::Manner{.questions = 400, .close_after = false, .seed = i}));
  auto pump = [&] {
    for (auto& phone : phones) phone->pump();
  };
  world.run_for(60, pump);
  int newcomer = world.sim.connect(world.listener, world.peer(50, 1));
  world.run_for(60, pump);
  EXPECT_TRUE(world.sim.peer_closed_by_server(newcomer));
  EXPECT_EQ(world.counters.tvs_refused_full.get(), 1u);
  for (auto& phone : phones) EXPECT_FALSE(phone->ended());
}

TEST(Limits, WhoHasBeenSilentLongestGivesWayAtTheLimit) {
  service::ShardSettings shard{.stream = {.max_connections = 4}};
  World world({.shard = shard});
  std::vector<std::unique_ptr<Phone>> phones;
  for (unsigned i = 0; i < 5; ++i) {
    phones.push_back(std::make_unique<Phone>(world, i, Phone::Manner{.close_after = false, .seed = i}));
    world.run_for(1100, [&] {
      for (auto& phone : phones) phone->pump();
    });
    EXPECT_TRUE(phones.back()->satisfied());
  }
  EXPECT_TRUE(phones[0]->ended());
  for (unsigned i = 1; i < 5; ++i) EXPECT_FALSE(phones[i]->ended()) << i;
  EXPECT_EQ(world.counters.tvs_evicted.get(), 1u);
}

TEST(Limits, ThoseWhoAskAndDoNotReadCannotTakeAllBuffers) {
  World world({.ring = {.tcp_buffers = 8, .tcp_buffer_size = 512, .socket_buffer = 2048}});
  std::vector<std::unique_ptr<Phone>> greedy;
  for (unsigned i = 0; i < 6; ++i) {
    greedy.push_back(std::make_unique<Phone>(
        world, i, Phone::Manner{.questions = 300, .at_once = 300, .close_after = false, .seed = i}));
  }
  world.run_for(100, [&] {
    for (auto& phone : greedy) {
      if (phone->handshaken()) world.sim.peer_stall(phone->peer(), true);
      phone->pump();
    }
  });
  Phone honest(world, 99, {.questions = 5});
  world.run_for(2000, [&] { honest.pump(); });
  EXPECT_TRUE(honest.satisfied());
}

TEST(Limits, OnlyAllowedNetworksAreServed) {
  service::ShardSettings shard{.allow = {io::parse_network("10.0.0.0/25").value()}};
  World world({.shard = shard});
  Phone inside(world, 5, {});
  int outside = world.sim.connect(world.listener, world.peer(200, 1));
  std::vector<std::unique_ptr<Fetcher>> fetchers;
  fetchers.push_back(std::make_unique<Fetcher>(world, 200, "ITLFile.tlv", wire::TftpOptions{}));
  world.run_for(1000, [&] {
    inside.pump();
    deliver(world, fetchers);
  });
  EXPECT_TRUE(inside.satisfied());
  EXPECT_TRUE(world.sim.peer_closed_by_server(outside));
  EXPECT_EQ(fetchers[0]->packets_received(), 0u);
  EXPECT_GT(world.counters.tftp_refused_network.get(), 0u);
}

}  // namespace
}  // namespace anchord::sim
