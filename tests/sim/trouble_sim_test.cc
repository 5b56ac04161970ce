// What is told of handshakes that come to nothing, and of requests while somebody traces.
#include <gtest/gtest.h>

#include <algorithm>

#include "browser.h"

namespace anchord::sim {
namespace {

using service::Answered;
using service::Request;
using service::TlsService;
using service::Trouble;

std::vector<Trouble> trouble(World& world) {
  std::vector<Trouble> out;
  world.activity.trouble.drain([&](const Trouble& record) { out.push_back(record); });
  return out;
}

std::vector<Request> requests(World& world) {
  std::vector<Request> out;
  world.activity.requests.drain([&](const Request& record) { out.push_back(record); });
  return out;
}

// A client by hand, in the middle of its handshake.
class Greeter {
 public:
  Greeter(World& world, int listener, const crypto::TlsContext& context) : world_(world) {
    peer_ = world.sim.connect(listener, world.peer(5, 4000));
    EXPECT_TRUE(engine_.start(context));
    go_on();
  }
  void go_on() {
    Buffer more = world_.sim.peer_take(peer_);
    engine_.take_into(room_);
    if (!more.empty()) engine_.give(more);
    outcome_ = engine_.handshake();
    if (engine_.produced() > 0) world_.sim.peer_send(peer_, Bytes(room_).first(engine_.produced()));
  }
  int peer() const { return peer_; }
  crypto::TlsEngine::Outcome outcome() const { return outcome_; }

 private:
  World& world_;
  crypto::TlsEngine engine_;
  Buffer room_ = Buffer(1 << 16);
  int peer_ = -1;
  crypto::TlsEngine::Outcome outcome_{};
};

crypto::TlsContext distrusting(crypto::TlsVersion version) {
  return crypto::TlsContext::client({.max = version, .pinned = certificate("tftp")}).value();
}

TEST(TroubleSim, AClientThatDoesNotTrustTheCertificateIsNamed) {
  for (auto version : {crypto::TlsVersion::v1_2, crypto::TlsVersion::v1_3}) {
    for (bool leaves : {false, true}) {
      World world({});
      for (TlsService of : {TlsService::tvs, TlsService::https}) {
        bool is_tvs = of == TlsService::tvs;
        Greeter client(world, is_tvs ? world.listener : world.https_listener, distrusting(version));
        world.run_for(100);
        client.go_on();
        ASSERT_EQ(client.outcome(), crypto::TlsEngine::Outcome::failed);
        world.run_for(leaves ? 0 : 100);
        if (leaves) world.sim.peer_close(client.peer());
        world.run_for(1'000);
        auto seen = trouble(world);
        ASSERT_EQ(seen.size(), 1u);
        EXPECT_EQ(seen[0].kind, Trouble::Kind::failed);
        EXPECT_EQ(seen[0].service, of);
        EXPECT_EQ(seen[0].alert, 42);  // bad_certificate
        EXPECT_EQ(seen[0].from, world.peer(5, 0).host);
        EXPECT_EQ(seen[0].presented == World::presented, is_tvs);
        EXPECT_FALSE(seen[0].reason.text().empty());
      }
      EXPECT_EQ(world.counters.tvs_handshake_failures.get(), 1u);
      EXPECT_EQ(world.counters.https_handshake_failures.get(), 1u);
      EXPECT_EQ(world.counters.tvs_handshakes_dropped.get(), 0u);
    }
  }
}

TEST(TroubleSim, WhatIsNoHandshakeIsTheServicesOwnRefusal) {
  World world({});
  int peer = world.sim.connect(world.listener, world.peer(5, 4000));
  world.sim.peer_send(peer, as_bytes("GET / HTTP/1.1\r\n\r\n"));
  world.run_for(1'000);
  auto seen = trouble(world);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].kind, Trouble::Kind::failed);
  EXPECT_EQ(seen[0].alert, 0);
}

TEST(TroubleSim, AConnectionThatIsDroppedInMidHandshakeIsCounted) {
  for (bool resets : {false, true}) {
    World world({});
    for (int listener : {world.listener, world.https_listener}) {
      Greeter client(world, listener, client_context(crypto::TlsVersion::v1_2));
      world.run_for(100);
      resets ? world.sim.peer_reset(client.peer()) : world.sim.peer_close(client.peer());
      world.run_for(100);
    }
    EXPECT_EQ(world.counters.tvs_handshakes_dropped.get(), 1u);
    EXPECT_EQ(world.counters.https_handshakes_dropped.get(), 1u);
    auto seen = trouble(world);
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].kind, Trouble::Kind::dropped);
    EXPECT_EQ(seen[0].service, TlsService::tvs);
    EXPECT_EQ(seen[1].service, TlsService::https);
    EXPECT_EQ(seen[1].from, world.peer(5, 0).host);
    // Who says nothing at all looks only whether somebody is here.
    int silent = world.sim.connect(world.listener, world.peer(6, 4000));
    world.run_for(100);
    world.sim.peer_close(silent);
    world.run_for(100);
    EXPECT_EQ(world.counters.tvs_handshakes_dropped.get(), 1u);
    EXPECT_EQ(world.sim.open_connections(), 0u);
  }
}

TEST(TroubleSim, HandshakesThatEndWellAreNoTrouble) {
  World world({});
  Phone phone(world, 1, {.questions = 3});
  world.run_for(1'000, [&] { phone.pump(); });
  EXPECT_TRUE(phone.satisfied());
  EXPECT_TRUE(trouble(world).empty());
}

TEST(TroubleSim, RequestsAreToldWhileSomebodyWantsThem) {
  World world({});
  const std::string device = "SEP001122334455";
  world.publish({file(device + ".cnf.xml.sgn", file_content(3, 1'000))});
  std::vector asked{get(device + ".cnf.xml.sgn"), get(device + ".cnf.xml.sgn", "", "HEAD"),
                    get("Ringlist.xml"), get("Ringlist.xml", "", "PUT")};
  ask(world, asked);
  EXPECT_TRUE(requests(world).empty());
  world.activity.requests_wanted = true;
  ask(world, asked);
  auto seen = requests(world);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].device.text(), device);
  EXPECT_EQ(seen[0].file.text(), device + ".cnf.xml.sgn");
  EXPECT_EQ(seen[0].from, world.peer(77, 0).host);
  EXPECT_EQ(seen[0].protocol, service::Protocol::http);
  EXPECT_EQ(seen[0].answered, Answered::file);
  EXPECT_EQ(seen[1].answered, Answered::head);
  EXPECT_EQ(seen[2].answered, Answered::not_found);
  EXPECT_EQ(seen[2].device.text(), "");
  EXPECT_EQ(seen[3].answered, Answered::refused);
  Buffer packet(512);
  Writer out(packet);
  wire::write_tftp_request(out, {.file = "Ringlist.xml"});
  world.sim.datagram(world.tftp_requests, world.peer(7, 3000), out.written());
  world.run_for(10);
  seen = requests(world);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].protocol, service::Protocol::tftp);
  EXPECT_EQ(seen[0].answered, Answered::not_found);
}

}  // namespace
}  // namespace anchord::sim
