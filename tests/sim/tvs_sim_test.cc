// TVS connections under the simulated ring's faults: whatever the ring does, a phone
// that behaves gets every answer, byte for byte and in order, and nothing leaks.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>

#include "world.h"

namespace anchord::sim {
namespace {

constexpr std::uint64_t kSeeds = 60;

Phone::Manner some_manner(std::mt19937_64& random) {
  Phone::Manner manner{.version = random() % 2 ? crypto::TlsVersion::v1_2 : crypto::TlsVersion::v1_3,
                       .questions = 1 + static_cast<unsigned>(random() % 12),
                       .at_once = 1 + static_cast<unsigned>(random() % 6),
                       .close_after = random() % 2 == 0,
                       .seed = random()};
  if (random() % 2) manner.piece = 1 + random() % 400;
  return manner;
}

void pump_all(std::vector<std::unique_ptr<Phone>>& phones) {
  for (auto& phone : phones) phone->pump();
}

bool all_satisfied(const std::vector<std::unique_ptr<Phone>>& phones) {
  return std::ranges::all_of(phones, [](const auto& phone) { return phone->satisfied(); });
}

// Everything that began has ended, and all that was lent was given back.
void expect_nothing_left(World& world) {
  EXPECT_EQ(world.sim.open_connections(), 0u);
  EXPECT_EQ(world.sim.buffers_out(io::Group::tcp), 0u);
  EXPECT_EQ(world.counters.tvs_open.get(), 0u);
}

class TvsUnderFaults : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TvsUnderFaults, AnswersEveryQuestionOfEveryPhone) {
  World world(
      {.ring = {.faults = io::SimFaults::some(GetParam()), .tcp_buffers = 8, .tcp_buffer_size = 512}});
  std::mt19937_64 random(GetParam());
  std::vector<std::unique_ptr<Phone>> phones;
  for (unsigned i = 0; i < 10; ++i) phones.push_back(std::make_unique<Phone>(world, i, some_manner(random)));
  world.run_for(20'000, [&] { pump_all(phones); });
  EXPECT_TRUE(all_satisfied(phones));
  // Those that keep their connection open are sent away for idleness, politely.
  world.run_for(120'000, [&] { pump_all(phones); });
  expect_nothing_left(world);
  for (auto& phone : phones) EXPECT_TRUE(phone->ended());
}

TEST_P(TvsUnderFaults, HonestPhonesAreAnsweredAmongBrokenOnes) {
  World world(
      {.ring = {.faults = io::SimFaults::some(GetParam()), .tcp_buffers = 16, .tcp_buffer_size = 1024}});
  std::mt19937_64 random(GetParam() * 977);
  std::vector<std::unique_ptr<Phone>> honest;
  std::vector<std::unique_ptr<Phone>> broken;
  for (unsigned i = 0; i < 5; ++i) honest.push_back(std::make_unique<Phone>(world, i, some_manner(random)));
  std::array<bool, 8> gone{};
  for (unsigned i = 0; i < gone.size(); ++i) {
    broken.push_back(std::make_unique<Phone>(world, 100 + i, some_manner(random)));
    world.sim.at(world.sim.time() + random() % 200, [&, i, peer = broken.back()->peer()] {
      gone[i] = true;
      switch (i % 4) {
        case 0:
          return world.sim.peer_vanish(peer);
        case 1:
          return world.sim.peer_reset(peer);
        case 2:
          return world.sim.peer_stall(peer, true);
        default:
          return world.sim.peer_close(peer);
      }
    });
  }
  for (unsigned i = 0; i < 4; ++i) {
    int peer = world.sim.connect(world.listener, world.peer(200 + i, 1));
    Buffer garbage(1 + random() % 3000);
    std::ranges::generate(garbage, [&] { return static_cast<std::uint8_t>(random()); });
    world.sim.peer_send(peer, garbage);
  }
  world.run_for(20'000, [&] {
    pump_all(honest);
    for (unsigned i = 0; i < gone.size(); ++i)
      if (!gone[i]) broken[i]->pump();
  });
  EXPECT_TRUE(all_satisfied(honest));
  world.run_for(120'000, [&] { pump_all(honest); });
  expect_nothing_left(world);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TvsUnderFaults, testing::Range<std::uint64_t>(1, kSeeds + 1));

TEST(TvsSim, MalformedRequestClosesThatConnectionAndCounts) {
  World world({});
  Phone good(world, 1, {.questions = 2, .close_after = false});
  Phone bad(world, 2, {.questions = 1, .close_after = false});
  auto pump = [&] {
    good.pump();
    bad.pump();
  };
  world.run_for(1000, pump);
  ASSERT_TRUE(good.satisfied() && bad.satisfied());
  const std::uint8_t not_tvs[] = {0x58, 1, 1, 0, 0, 0, 0, 1, 0, 0};
  bad.send_raw(not_tvs);
  world.run_for(1000, pump);
  EXPECT_TRUE(bad.ended());
  EXPECT_FALSE(good.ended());
  EXPECT_EQ(world.counters.tvs_malformed.get(), 1u);
  EXPECT_EQ(world.sim.open_connections(), 1u);
}

TEST(TvsSim, RequestsBeforeAMalformedOneAreAnswered) {
  World world({});
  Phone phone(world, 1, {.questions = 1, .close_after = false});
  world.run_for(1000, [&] { phone.pump(); });
  ASSERT_TRUE(phone.satisfied());
  std::uint64_t before = world.counters.tvs_verify_invalid.get();
  Buffer both(64);
  Writer out(both);
  const std::uint8_t der[] = {0x30, 0x00};
  wire::write_verify_request(out, {.session = 9, .certificate = der});
  out.u32(0xffffffff);
  out.u32(0xffffffff);
  out.u32(0xffffffff);
  phone.send_raw(out.written());
  Buffer seen;
  world.run_for(1000, [&] {
    Buffer more = world.sim.peer_take(phone.peer());
    seen.insert(seen.end(), more.begin(), more.end());
  });
  EXPECT_EQ(world.counters.tvs_verify_invalid.get(), before + 1);
  EXPECT_EQ(world.counters.tvs_malformed.get(), 1u);
  EXPECT_GT(seen.size(), 14u);  // the answer and the close_notify
  EXPECT_EQ(world.sim.open_connections(), 0u);
}

TEST(TvsSim, DeviceNamesAreRecorded) {
  World world({});
  Phone phone(world, 1, {.questions = 3});
  world.run_for(1000, [&] { phone.pump(); });
  unsigned seen = 0;
  world.activity.questions.drain([&](const service::Question& question) {
    EXPECT_EQ(question.device.text(), "CP-8861-SEP001122334455");
    ++seen;
  });
  EXPECT_EQ(seen, 3u);
}

TEST(TvsSim, ANewSnapshotAnswersOnAnOpenConnection) {
  World world({});
  Phone phone(world, 1, {.questions = 6, .close_after = false});
  world.run_for(30, [&] { phone.pump(); });
  world.publish({{.name = "x", .body = index::FileBody{.content = index::Blob(Buffer{1})}}});
  world.run_for(1000, [&] { phone.pump(); });
  EXPECT_TRUE(phone.satisfied());
  EXPECT_FALSE(phone.ended());
  EXPECT_EQ(world.publisher.reclaim(), 1u);
}

TEST(TvsSim, DrainLetsWhatIsUnderWayEndAndStopsAccepting) {
  World world({});
  Phone idle(world, 1, {.questions = 1, .close_after = false});
  world.run_for(500, [&] { idle.pump(); });
  ASSERT_TRUE(idle.satisfied());
  Phone starting(world, 2, {.questions = 2, .close_after = false});
  int silent = world.sim.connect(world.listener, world.peer(3, 9));
  world.run_for(1, [&] { starting.pump(); });
  world.shard->drain();
  Millis begun = world.sim.time();
  world.run_for(60'000, [&] {
    idle.pump();
    starting.pump();
  });
  EXPECT_FALSE(world.alive);
  EXPECT_LE(world.sim.time() - begun, service::ShardSettings{}.drain_timeout + 200);
  EXPECT_TRUE(idle.ended());
  EXPECT_GE(starting.answers(), 1u);
  EXPECT_TRUE(world.sim.peer_closed_by_server(silent));
  expect_nothing_left(world);
}

}  // namespace
}  // namespace anchord::sim
