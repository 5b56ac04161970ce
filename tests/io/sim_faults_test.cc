#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "echo_server.h"
#include "sim_ring.h"

namespace anchord::io {
namespace {

Address peer_at(const char* text) {
  return parse_address(text, 1000).value();
}

Buffer pattern(std::size_t size, int start) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(start + static_cast<int>(i * 7));
  return out;
}

// Everything that some peers and a server do under some faults.
struct Scene {
  explicit Scene(const SimFaults& faults)
      : sim({.faults = faults,
             .tcp_buffers = 4,
             .tcp_buffer_size = 64,
             .udp_buffers = 4,
             .batch = 8,
             .socket_buffer = 100}),
        listener(sim.add_listener()),
        server(sim, listener, sim.add_udp_socket(peer_at("192.0.2.9:69"))) {}

  void run(Millis by) {
    sim.run_until(sim.time() + by);
    while (sim.pending()) server.tick();
  }

  SimRing sim;
  int listener;
  EchoServer server;
};

void echo_all(const SimFaults& faults) {
  Scene scene(faults);
  SimRing& sim = scene.sim;
  constexpr int kPeers = 6;
  std::vector<int> peers;
  std::vector<Buffer> sent(kPeers);
  for (int i = 0; i < kPeers; ++i) {
    const int peer = sim.connect(scene.listener, peer_at("192.0.2.1"));
    peers.push_back(peer);
    for (Millis when = 0; when < 100; when += 10) {
      const Buffer bytes = pattern(50 + when, i);
      sent[static_cast<std::size_t>(i)].insert(sent[static_cast<std::size_t>(i)].end(), bytes.begin(),
                                               bytes.end());
      sim.at(sim.time() + when, [&sim, peer, bytes] { sim.peer_send(peer, bytes); });
    }
    sim.at(sim.time() + 30, [&sim, peer] { sim.peer_stall(peer, true); });
    sim.at(sim.time() + 150, [&sim, peer] { sim.peer_stall(peer, false); });
  }
  scene.run(10'000);
  for (std::size_t i = 0; i < kPeers; ++i) EXPECT_EQ(sim.peer_take(peers[i]), sent[i]) << "peer " << i;
  EXPECT_EQ(sim.open_connections(), std::size_t{kPeers});
  for (const int peer : peers) sim.peer_close(peer);
  scene.run(10'000);
  EXPECT_EQ(sim.open_connections(), 0u);
  EXPECT_EQ(sim.buffers_out(Group::tcp), 0u);
  for (const int peer : peers) EXPECT_TRUE(sim.peer_closed_by_server(peer));
}

TEST(SimFaults, BytesArriveWhatever) {
  echo_all({});
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    echo_all(SimFaults::some(seed));
  }
}

TEST(SimFaults, NothingLeaksWhenPeersAreRudeOrTheServerStops) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Scene scene(SimFaults::some(seed));
    SimRing& sim = scene.sim;
    for (int i = 0; i < 20; ++i) {
      const int peer = sim.connect(scene.listener, peer_at("192.0.2.1"));
      sim.peer_send(peer, pattern(300, i));
      const Millis when = sim.time() + static_cast<Millis>(5 * i);
      if (i % 4 == 1) sim.at(when, [&sim, peer] { sim.peer_reset(peer); });
      if (i % 4 == 2) sim.at(when, [&sim, peer] { sim.peer_vanish(peer); });
      if (i % 4 == 3) sim.at(when, [&sim, peer] { sim.peer_close(peer); });
    }
    sim.at(sim.time() + 200, [&] { scene.server.stop(); });
    scene.run(10'000);
    EXPECT_EQ(sim.open_connections(), 0u);
    EXPECT_EQ(sim.buffers_out(Group::tcp), 0u);
    EXPECT_EQ(scene.server.connections(), 0u);
    EXPECT_EQ(sim.operations_in_flight(), 2u) << "the waker's and the UDP socket's";
  }
}

std::uint64_t trace_of(std::uint64_t seed) {
  Scene scene(SimFaults::some(seed));
  const int peer = scene.sim.connect(scene.listener, peer_at("192.0.2.1"));
  scene.sim.peer_send(peer, pattern(1000, 0));
  scene.run(500);
  return scene.sim.trace();
}

TEST(SimFaults, OneSeedIsOneRun) {
  std::set<std::uint64_t> traces;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::uint64_t trace = trace_of(seed);
    EXPECT_EQ(trace_of(seed), trace);
    traces.insert(trace);
  }
  EXPECT_EQ(traces.size(), 20u);
}

// What a connection with much to receive and to send sees under one fault.
struct Seen {
  std::set<std::int32_t> results;  // of receives
  bool good_end = false;           // bytes, and yet no more to come
  bool short_send = false;
  bool small_receive = false;
  bool out_of_order = false;
  Millis last = 0;
};

Seen watch(const SimFaults& faults) {
  SimRing sim({.faults = faults});
  const int listener = sim.add_listener();
  const int peer = sim.connect(listener, peer_at("192.0.2.1"));
  sim.peer_send(peer, pattern(2000, 1));
  sim.run_until(sim.time() + 1000);
  Seen seen;
  int connection = -1;
  std::uint64_t last_send = 0;
  const Buffer bytes = pattern(100, 2);
  const int other = sim.add_udp_socket(peer_at("192.0.2.9:69"));
  sim.accept(listener, 1);
  for (int tick = 0; tick < 200; ++tick) {
    for (const Completion& c : sim.wait(kNever)) {
      seen.last = sim.now() - SimRing::kStart;
      if (c.tag == 1) {
        if (c.result < 0) {
          sim.accept(listener, 1);
          continue;
        }
        connection = c.result;
        sim.receive(connection, 2);
        sim.send(connection, bytes, 3);
        for (std::uint64_t i = 100; i < 120; ++i) {
          OutDatagram& out = sim.new_datagram();
          out.start(peer_at("192.0.2.1"), {}, true);
          out.copy(bytes);
          sim.send_datagram(other, out, i);
        }
      } else if (c.tag == 2) {
        seen.results.insert(std::min(c.result, 0));
        seen.good_end |= c.result > 0 && !c.more;
        seen.small_receive |= c.result > 0 && c.result < 2000;
        if (c.has_buffer) sim.recycle(Group::tcp, c.buffer);
        if (!c.more) sim.receive(connection, 2);
      } else if (c.tag == 3) {
        seen.short_send |= c.result < 100;
      } else {
        seen.results.insert(c.result < 0 ? c.result : 0);
        seen.out_of_order |= c.tag < last_send;
        last_send = c.tag;
      }
    }
  }
  return seen;
}

// All seeds of a small range together: whether a fault occurs at all.
Seen watch_some(SimFaults faults) {
  Seen all;
  for (faults.seed = 1; faults.seed <= 30; ++faults.seed) {
    const Seen one = watch(faults);
    all.results.insert(one.results.begin(), one.results.end());
    all.good_end |= one.good_end;
    all.short_send |= one.short_send;
    all.small_receive |= one.small_receive;
    all.out_of_order |= one.out_of_order;
    all.last = std::max(all.last, one.last);
  }
  return all;
}

TEST(SimFaults, NoneOccursUnasked) {
  const Seen seen = watch_some({});
  EXPECT_EQ(seen.results, std::set<std::int32_t>{0});
  EXPECT_FALSE(seen.good_end || seen.short_send || seen.small_receive || seen.out_of_order);
  EXPECT_EQ(seen.last, 0u);
}

TEST(SimFaults, EachOccursWhenAsked) {
  EXPECT_TRUE(watch_some({.short_send = 50}).short_send);
  EXPECT_TRUE(watch_some({.split_receive = 50}).small_receive);
  const Seen lost_more = watch_some({.lost_more = 50});
  EXPECT_TRUE(lost_more.good_end);
  EXPECT_EQ(lost_more.results, (std::set<std::int32_t>{0, -ENOBUFS, -ECANCELED}));
  EXPECT_EQ(watch_some({.empty_buffers = 50}).results, (std::set<std::int32_t>{0, -ENOBUFS}));
  EXPECT_EQ(watch_some({.failed_datagram = 50}).results, (std::set<std::int32_t>{0, -ENOBUFS}));
  // What datagrams say comes in no order.
  EXPECT_FALSE(watch_some({.failed_datagram = 100}).out_of_order);
  EXPECT_TRUE(watch_some({.failed_datagram = 100, .reorder = true}).out_of_order);
  const Seen late = watch_some({.late = 50, .max_delay = 20, .failed_datagram = 100});
  EXPECT_TRUE(late.out_of_order);
  EXPECT_GT(late.last, 0u);
}

TEST(SimFaults, DatagramsGetLostBothWays) {
  Scene scene({.lost_datagram = 50});
  const int socket = scene.listener + 1;
  for (int i = 0; i < 400; ++i) scene.sim.datagram(socket, peer_at("192.0.2.1"), as_bytes("x"));
  scene.run(100);
  const std::size_t answered = scene.sim.take_datagrams().size();
  EXPECT_GT(answered, 60u);
  EXPECT_LT(answered, 140u);
}

TEST(SimFaults, DatagramsComeTwiceAndOutOfOrder) {
  auto sent_under = [](const SimFaults& faults) {
    Scene scene(faults);
    const int socket = scene.listener + 1;
    for (char c = 'a'; c <= 'z'; ++c)
      scene.sim.datagram(socket, peer_at("192.0.2.1"), as_bytes(std::string_view(&c, 1)));
    scene.run(100);
    std::string out;
    for (const SimDatagram& datagram : scene.sim.take_datagrams()) out += as_text(datagram.bytes);
    return out;
  };
  EXPECT_EQ(sent_under({}), "abcdefghijklmnopqrstuvwxyz");
  std::string doubled = sent_under({.doubled_datagram = 50});
  EXPECT_GT(doubled.size(), 36u);
  EXPECT_TRUE(std::ranges::is_sorted(doubled));
  std::string mixed = sent_under({.overtaking_datagram = 50});
  EXPECT_FALSE(std::ranges::is_sorted(mixed));
  std::ranges::sort(mixed);
  EXPECT_EQ(mixed, "abcdefghijklmnopqrstuvwxyz");
}

// A GSO batch of 20 datagrams of 3 bytes but for the last.
OutDatagram& row_of(SimRing& sim, Bytes bytes) {
  OutDatagram& out = sim.new_datagram();
  out.start(peer_at("192.0.2.1"), {}, true);
  out.refer(bytes);
  out.segment(3);
  return out;
}

TEST(SimFaults, ARowOfDatagramsIsLostOneByOne) {
  SimRing sim({.faults = {.lost_datagram = 30}});
  const int socket = sim.add_udp_socket(peer_at("192.0.2.9:69"));
  const Buffer bytes = pattern(59, 1);
  std::set<std::size_t> arrived;
  for (int i = 0; i < 50; ++i) {
    sim.send_datagram(socket, row_of(sim, bytes), 1);
    EXPECT_TRUE(sim.wait(0).empty());
    const auto sent = sim.take_datagrams();
    arrived.insert(sent.size());
    for (const SimDatagram& one : sent) EXPECT_NE(std::ranges::search(bytes, one.bytes).begin(), bytes.end());
  }
  EXPECT_GT(arrived.size(), 3u);
}

TEST(SimFaults, ARowOfDatagramsIsRefusedAsAWhole) {
  const Buffer bytes = pattern(59, 1);
  SimRing refusing({.faults = {.refused_segments = 100}});
  const int socket = refusing.add_udp_socket(peer_at("192.0.2.9:69"));
  refusing.send_datagram(socket, row_of(refusing, bytes), 1);
  auto batch = refusing.wait(0);
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch[0].result, -EIO);
  EXPECT_TRUE(refusing.take_datagrams().empty());

  SimRing narrow({.path_mtu = 50});
  const int other = narrow.add_udp_socket(peer_at("192.0.2.9:69"));
  narrow.send_datagram(other, row_of(narrow, bytes), 1);
  batch = narrow.wait(0);
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch[0].result, -EINVAL);
}

TEST(SimFaults, ACancelMayComeTooLate) {
  std::set<std::int32_t> first;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SimRing sim({.faults = {.seed = seed, .lost_cancel = 50}});
    const int listener = sim.add_listener();
    sim.connect(listener, peer_at("192.0.2.1"));
    sim.accept(listener, 1);
    sim.cancel(1);
    const auto batch = sim.wait(0);
    ASSERT_FALSE(batch.empty());
    first.insert(std::min(batch[0].result, 0));
  }
  EXPECT_EQ(first, (std::set<std::int32_t>{0, -ECANCELED}));
}

TEST(SimFaults, ANumberOfAClosedDescriptorComesAgain) {
  bool again = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SimRing sim({.faults = {.seed = seed}});
    const int first = sim.add_listener();
    sim.close(first);
    again |= sim.add_listener() == first;
  }
  EXPECT_TRUE(again);
}

}  // namespace
}  // namespace anchord::io
