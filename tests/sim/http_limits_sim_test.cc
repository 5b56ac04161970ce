// Deadlines and limits of HTTP and HTTPS connections, in virtual time, and their drain.
#include <gtest/gtest.h>

#include <memory>

#include "browser.h"

namespace anchord::sim {
namespace {

constexpr service::StreamSettings kDefaults{};

// Lets the peer read what the socket holds, every `pause`.
void trickle(World& world, Browser& browser, Millis pause, Millis time) {
  for (Millis begun = world.sim.time(); world.sim.time() < begun + time && !browser.ended();) {
    world.sim.peer_stall(browser.peer(), true);
    world.run_for(pause, [&] { browser.pump(); });
    world.sim.peer_stall(browser.peer(), false);
    browser.pump();
  }
}

TEST(HttpLimits, ASlowLinkGetsItsFirmware) {
  for (bool tls : {false, true}) {
    World world({});
    Buffer firmware = file_content(1, 2'000'000);
    world.publish({file("firmware.loads", firmware)});
    Browser browser(world, 1, {.tls = tls}, {get("firmware.loads", "Connection: close\r\n")});
    world.run_for(20, [&] { browser.pump(); });
    trickle(world, browser, kDefaults.idle_timeout / 2, 40 * kDefaults.idle_timeout);
    ASSERT_TRUE(browser.satisfied());
    EXPECT_EQ(browser.responses()[0].body, firmware);
  }
}

TEST(HttpLimits, WhoReadsNextToNothingIsSentAway) {
  for (bool tls : {false, true}) {
    World world({.ring = {.socket_buffer = 8192}});
    world.publish({file("f", file_content(1, 2'000'000))});
    Browser browser(world, 1, {.tls = tls}, {get("f")});
    world.run_for(20, [&] { browser.pump(); });
    Millis begun = world.sim.time();
    trickle(world, browser, 10'000, 10 * kDefaults.idle_timeout);
    EXPECT_TRUE(browser.ended());
    EXPECT_LE(world.sim.time() - begun, 3 * kDefaults.idle_timeout);
    EXPECT_EQ(world.counters.http_timeouts.get() + world.counters.https_timeouts.get(), 1u);
    expect_no_http_left(world);
  }
}

TEST(HttpLimits, SilentConnectionsEnd) {
  World world({});
  Browser asked_nothing(world, 1, {}, {});
  Browser asked_once(world, 2, {}, {get("ITLFile.tlv")});
  Browser half(world, 3, {}, {"GET /ITLFile.tlv HTTP/1.1\r\nHost:"});
  auto pump = [&] {
    for (Browser* browser : {&asked_nothing, &asked_once, &half}) browser->pump();
  };
  world.run_for(kDefaults.request_timeout - 500, pump);
  EXPECT_FALSE(asked_nothing.ended() || half.ended());
  world.run_for(1000, pump);
  EXPECT_TRUE(asked_nothing.ended() && half.ended());
  EXPECT_FALSE(asked_once.ended());
  world.run_for(kDefaults.idle_timeout, pump);
  EXPECT_TRUE(asked_once.ended());
  EXPECT_EQ(world.counters.http_timeouts.get(), 3u);
}

TEST(HttpLimits, AtTheLimitThoseWhoAskNothingGiveWay) {
  service::ShardSettings shard{.stream = {.max_connections = 10, .max_per_address = 1000}};
  World world({.shard = shard});
  for (unsigned i = 0; i < 100; ++i) world.sim.connect(world.http_listener, world.peer(i, 1));
  world.run_for(200);
  EXPECT_LE(world.sim.open_connections(), 10u);
  for (unsigned i = 0; i < 10; ++i) {
    Browser browser(world, 300 + i, {}, {get("ITLFile.tlv")});
    world.run_for(200, [&] { browser.pump(); });
    EXPECT_TRUE(browser.satisfied());
  }
  EXPECT_GE(world.counters.http_evicted.get(), 1u);
}

// One says nothing, the next the beginning of what each service expects, and so on.
TEST(HttpLimits, NeighboursWithoutAWholeRequestGiveWay) {
  for (bool tls : {false, true}) {
    service::ShardSettings shard{.stream = {.max_per_address = 50}};
    World world({.shard = shard});
    std::vector<std::unique_ptr<Browser>> browsers;
    auto pump = [&] {
      for (auto& browser : browsers) browser->pump();
    };
    for (std::uint16_t port = 1; port <= 400; ++port) {
      int peer = world.sim.connect(tls ? world.https_listener : world.http_listener, world.peer(1, port));
      if (port % 2 == 0) world.sim.peer_send(peer, as_bytes(tls ? "\x16\x03\x01\x02" : "GET /ITLFile.tlv"));
      if (port % 40 != 0) continue;
      browsers.push_back(
          std::make_unique<Browser>(world, 1, Browser::Manner{.tls = tls}, std::vector{get("ITLFile.tlv")}));
      world.run_for(100, pump);
    }
    world.run_for(1000, pump);
    for (auto& browser : browsers) EXPECT_TRUE(browser->satisfied() && !browser->ended());
    EXPECT_GE((tls ? world.counters.https_evicted : world.counters.http_evicted).get(), 360u);
    EXPECT_EQ((tls ? world.counters.https_refused_address : world.counters.http_refused_address).get(), 0u);
    EXPECT_LE(world.sim.open_connections(), 50u);
  }
}

TEST(HttpLimits, AFloodOnOneServiceLeavesTheOthers) {
  service::ShardSettings shard{.stream = {.max_connections = 10, .max_per_address = 1000}};
  World world({.shard = shard});
  for (unsigned i = 0; i < 100; ++i) world.sim.connect(world.http_listener, world.peer(i, 1));
  world.run_for(20);
  Phone phone(world, 400, {});
  Browser browser(world, 401, {.tls = true}, {get("ITLFile.tlv")});
  world.run_for(500, [&] {
    phone.pump();
    browser.pump();
  });
  EXPECT_TRUE(phone.satisfied() && browser.satisfied());
  EXPECT_EQ(world.counters.tvs_refused_full.get() + world.counters.https_refused_full.get(), 0u);
}

TEST(HttpLimits, WhoAsksAndDoesNotReadCannotTakeTheBuffersOfOthers) {
  World world({.ring = {.tcp_buffers = 8, .tcp_buffer_size = 512, .socket_buffer = 2048}});
  world.publish({file("f", file_content(1, 100'000))});
  std::vector<std::unique_ptr<Browser>> greedy;
  for (unsigned i = 0; i < 6; ++i) {
    greedy.push_back(
        std::make_unique<Browser>(world, i, Browser::Manner{.at_once = 300}, std::vector(300, get("f"))));
    world.sim.peer_stall(greedy.back()->peer(), true);
  }
  world.run_for(100, [&] {
    for (auto& browser : greedy) browser->pump();
  });
  Phone phone(world, 99, {.questions = 5});
  world.run_for(2000, [&] { phone.pump(); });
  EXPECT_TRUE(phone.satisfied());
}

TEST(HttpLimits, WithoutACertificateHttpsIsClosedAtOnce) {
  World world({.https_ready = false});
  int peer = world.sim.connect(world.https_listener, world.peer(1, 1));
  world.run_for(100);
  EXPECT_TRUE(world.sim.peer_closed_by_server(peer));
  EXPECT_EQ(world.counters.https_unready.get(), 1u);
  EXPECT_EQ(world.counters.https_accepted.get(), 0u);
}

TEST(HttpLimits, ADrainingShardRefusesAtOnceAndEndsItsBodies) {
  World world({});
  Buffer content = file_content(1, 2'000'000);
  world.publish({file("f", content)});
  Browser loading(world, 1, {}, {get("f")});
  Browser idle(world, 2, {}, {get("ITLFile.tlv")});
  auto pump = [&] {
    loading.pump();
    idle.pump();
  };
  world.sim.peer_stall(loading.peer(), true);
  world.run_for(100, pump);
  world.shard->drain();
  for (int listener : {world.listener, world.http_listener, world.https_listener})
    EXPECT_TRUE(world.sim.peer_closed_by_server(world.sim.connect(listener, world.peer(9, 9))));
  world.run_for(1000, pump);
  EXPECT_TRUE(world.alive && idle.ended() && !loading.ended());
  world.sim.peer_stall(loading.peer(), false);
  world.run_for(60'000, pump);
  EXPECT_FALSE(world.alive);
  ASSERT_TRUE(loading.satisfied() && idle.satisfied());
  EXPECT_EQ(loading.responses()[0].body, content);
  expect_no_http_left(world);
}

TEST(HttpLimits, OnlyAllowedNetworksAreServed) {
  World world({.shard = {.allow = {io::parse_network("10.0.0.0/25").value()}}});
  Browser inside(world, 5, {}, {get("ITLFile.tlv")});
  Browser outside(world, 200, {}, {get("ITLFile.tlv")});
  world.run_for(100, [&] {
    inside.pump();
    outside.pump();
  });
  EXPECT_TRUE(inside.satisfied());
  EXPECT_TRUE(outside.ended() && outside.responses().empty());
  EXPECT_EQ(world.counters.http_refused_network.get(), 1u);
}

}  // namespace
}  // namespace anchord::sim
