// TFTP under loss, repetition and reordering: every file arrives whole and from one
// version, and a peer that is not there costs two packets.
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "world.h"

namespace anchord::sim {
namespace {

constexpr std::uint64_t kSeeds = 60;
constexpr service::TftpSettings kDefaults{};

using Fetchers = std::vector<std::unique_ptr<Fetcher>>;

Fetcher& fetch(World& world, Fetchers& fetchers, unsigned host, std::string file,
               wire::TftpOptions options = {}, wire::TftpMode mode = wire::TftpMode::octet) {
  fetchers.push_back(std::make_unique<Fetcher>(world, host, std::move(file), options, 300, mode));
  return *fetchers.back();
}

void put(World& world, std::string name, Buffer content) {
  // In two parts, as a signed file is.
  auto middle = content.begin() + static_cast<std::ptrdiff_t>(content.size() / 5);
  index::FileBody body{.header = index::Blob(Buffer(content.begin(), middle)),
                       .content = index::Blob(Buffer(middle, content.end()))};
  world.publish({{.name = std::move(name), .body = std::move(body)}});
}

Buffer netascii(const Buffer& content) {
  Buffer out;
  for (std::uint8_t c : content) {
    out.push_back(c == '\n' ? '\r' : c);
    if (c == '\n') out.push_back('\n');
    if (c == '\r') out.push_back('\0');
  }
  return out;
}

class TftpUnderFaults : public testing::TestWithParam<std::uint64_t> {};

// Of every size beside every option.
TEST_P(TftpUnderFaults, EveryFileArrivesWhole) {
  // Some paths are narrow, so that no window leaves as one send.
  World world({.ring = {.faults = io::SimFaults::some(GetParam()),
                        .udp_buffers = 16,
                        .path_mtu = GetParam() % 3 == 0 ? 600u : 65'535u}});
  std::mt19937_64 random(GetParam());
  std::vector<Buffer> expected;
  Fetchers fetchers;
  for (unsigned i = 0; i < 16; ++i) {
    wire::TftpOptions options;
    if (i % 3 != 0) options.blksize = static_cast<std::uint16_t>(8 + random() % 1400);
    if (random() % 2) options.tsize = 0;
    if (i % 2 == 0) options.windowsize = static_cast<std::uint16_t>(1u << random() % 8);
    std::size_t block = options.blksize.value_or(wire::kTftpDefaultBlockSize);
    std::size_t size = i == 1 ? 0 : i % 4 == 2 ? block * (random() % 9) : random() % (block * 100);
    Buffer content = file_content(static_cast<std::uint8_t>(i), size);
    std::string name = "file" + std::to_string(i);
    put(world, name, content);
    auto mode = i % 5 == 4 ? wire::TftpMode::netascii : wire::TftpMode::octet;
    expected.push_back(mode == wire::TftpMode::netascii ? netascii(content) : content);
    fetch(world, fetchers, i, name, options, mode);
  }
  world.run_for(600'000, [&] { deliver(world, fetchers); });
  for (unsigned i = 0; i < fetchers.size(); ++i) {
    EXPECT_TRUE(fetchers[i]->done()) << i;
    EXPECT_TRUE(same_bytes(fetchers[i]->content(), expected[i])) << i;
  }
  EXPECT_EQ(world.counters.tftp_active.get(), 0u);
  EXPECT_EQ(world.sim.buffers_out(io::Group::udp), 0u);
  EXPECT_EQ(world.publisher.reclaim(), 1u);  // nobody holds an old view
}

INSTANTIATE_TEST_SUITE_P(Seeds, TftpUnderFaults, testing::Range<std::uint64_t>(1, kSeeds + 1));

TEST(TftpSim, ATransferEndsOnTheVersionItBeganWith) {
  World world({});
  Buffer old_content = file_content(5, 50'000);
  Buffer new_content = file_content(9, 60'000);
  world.publish({{.name = "f", .body = index::FileBody{.content = index::Blob(old_content)}}});
  Fetchers fetchers;
  Fetcher& before = fetch(world, fetchers, 1, "f");
  unsigned ticks = 0;
  world.run_for(60'000, [&] {
    deliver(world, fetchers);
    if (++ticks == 20) {
      ASSERT_FALSE(before.done());
      world.publish({{.name = "f", .body = index::FileBody{.content = index::Blob(new_content)}}});
      fetch(world, fetchers, 2, "f");
      EXPECT_GE(world.publisher.reclaim(), 2u);
    }
  });
  EXPECT_TRUE(same_bytes(fetchers[0]->content(), old_content));
  EXPECT_TRUE(same_bytes(fetchers[1]->content(), new_content));
  EXPECT_EQ(world.publisher.reclaim(), 1u);
}

// Its last acknowledgement waits here while it goes on, perhaps with another shard.
TEST(TftpSim, AFileIsGivenNoLaterThanThePeerHasIt) {
  for (std::size_t size : {100u, 2'000u}) {
    World world({});
    put(world, "ITLFile.tlv", file_content(5, size));
    Fetchers fetchers;
    Fetcher& fetcher = fetch(world, fetchers, 1, "ITLSEP001122334455.tlv");
    Millis has_it = 0;
    world.run_for(10'000, [&] {
      deliver(world, fetchers);
      if (has_it != 0 || !fetcher.done()) return;
      has_it = world.sim.time();
      world.sim.advance(100);
    });
    ASSERT_NE(has_it, 0);
    std::vector<service::Download> given;
    world.activity.downloads.drain([&](const service::Download& record) {
      if (record.end == service::DownloadEnd::given) given.push_back(record);
    });
    ASSERT_EQ(given.size(), 1u) << size;
    EXPECT_LE(given[0].ended, has_it);
    EXPECT_GE(given[0].ended, given[0].began);
  }
}

TEST(TftpSim, BlockNumbersWrap) {
  World world({.ring = {.faults = {.late = 50, .max_delay = 2}}});
  Buffer content = file_content(3, 8 * 70'000 + 3);
  put(world, "big", content);
  Fetchers fetchers;
  fetch(world, fetchers, 1, "big", {.blksize = std::uint16_t{8}});
  fetch(world, fetchers, 2, "big", {.blksize = std::uint16_t{8}, .windowsize = std::uint16_t{50}});
  world.run_for(600'000, [&] { deliver(world, fetchers); });
  for (auto& fetcher : fetchers) {
    EXPECT_TRUE(fetcher->done());
    EXPECT_TRUE(same_bytes(fetcher->content(), content));
  }
}

TEST(TftpSim, AWindowArrivesInOneTick) {
  World world({});
  put(world, "f", file_content(3, 1428 * 160));
  Fetchers fetchers;
  fetch(world, fetchers, 1, "f", {.blksize = std::uint16_t{1428}, .windowsize = std::uint16_t{16}});
  unsigned ticks = 0;
  world.run_for(5000, [&] {
    if (!fetchers[0]->done()) ++ticks;
    deliver(world, fetchers);
  });
  EXPECT_TRUE(fetchers[0]->done());
  EXPECT_LE(ticks, 40u);
  EXPECT_EQ(world.counters.tftp_retransmits.get(), 0u);
  EXPECT_EQ(world.counters.tftp_send_errors.get(), 0u);
}

// One refused send for a transfer, and no more.
TEST(TftpSim, APathThatTakesNoWindowGetsBlocks) {
  World world({.ring = {.path_mtu = 1000}});
  Buffer content = file_content(3, 1428 * 160);
  put(world, "f", content);
  Fetchers fetchers;
  fetch(world, fetchers, 1, "f", {.blksize = std::uint16_t{1428}, .windowsize = std::uint16_t{16}});
  world.run_for(5000, [&] { deliver(world, fetchers); });
  EXPECT_TRUE(same_bytes(fetchers[0]->content(), content));
  EXPECT_EQ(world.counters.tftp_send_errors.get(), 1u);
  EXPECT_EQ(world.counters.tftp_retransmits.get(), 0u);
}

TEST(TftpSim, TheLargestBlocksInWindows) {
  World world({});
  Buffer content = file_content(3, 1'000'000);
  put(world, "f", content);
  Fetchers fetchers;
  for (std::uint16_t size : {65464, 32768, 9000})
    fetch(world, fetchers, size, "f", {.blksize = size, .windowsize = std::uint16_t{64}});
  world.run_for(5000, [&] { deliver(world, fetchers); });
  for (auto& fetcher : fetchers) EXPECT_TRUE(same_bytes(fetcher->content(), content));
}

// The Sorcerer's Apprentice: every packet comes twice, both ways.
TEST(TftpSim, DoubledPacketsDoNotDoubleTheTraffic) {
  for (std::uint16_t window : {1, 4, 64}) {
    World world({.ring = {.faults = {.doubled_datagram = 100}}});
    Buffer content = file_content(3, 512 * 1000);
    put(world, "f", content);
    Fetchers fetchers;
    fetch(world, fetchers, 1, "f", {.windowsize = window});
    world.run_for(60'000, [&] { deliver(world, fetchers); });
    EXPECT_TRUE(same_bytes(fetchers[0]->content(), content));
    // A thousand blocks, each twice for the network, and few for us.
    EXPECT_LT(fetchers[0]->packets_received(), 2500u) << window;
  }
}

TEST(TftpSim, ABlockLostInAWindowIsMadeGoodSoon) {
  World world({.ring = {.faults = {.seed = 3, .lost_datagram = 5}}});
  Buffer content = file_content(3, 512 * 2000);
  put(world, "f", content);
  Fetchers fetchers;
  fetch(world, fetchers, 1, "f", {.windowsize = std::uint16_t{16}});
  Millis took = 0;
  world.run_for(120'000, [&] {
    deliver(world, fetchers);
    if (!fetchers[0]->done()) took = world.sim.time() - io::SimRing::kStart;
  });
  EXPECT_TRUE(same_bytes(fetchers[0]->content(), content));
  // About 100 losses in 125 windows; most of them cost a round trip, not a timeout.
  EXPECT_LT(took, 20'000u);
  EXPECT_LT(fetchers[0]->packets_received(), 6000u);
}

TEST(TftpSim, APeerThatNeverAcknowledgesCostsTwoPackets) {
  World world({});
  Fetchers fetchers;
  fetch(world, fetchers, 1, "ITLFile.tlv").go_silent();
  world.run_for(120'000, [&] { deliver(world, fetchers); });
  EXPECT_EQ(fetchers[0]->packets_received(), 2u);
  EXPECT_EQ(world.counters.tftp_answered.get(), 1u);
  EXPECT_EQ(world.counters.tftp_retransmits.get(), 1u);
  EXPECT_EQ(world.counters.tftp_begun.get(), 0u);
}

TEST(TftpSim, APeerThatStopsIsGivenUp) {
  World world({});
  put(world, "f", file_content(1, 5000));
  Fetchers fetchers;
  Fetcher& fetcher = fetch(world, fetchers, 1, "f");
  world.run_for(600'000, [&] {
    deliver(world, fetchers);
    if (fetcher.packets_received() == 3) fetcher.go_silent();
  });
  // The third was still acknowledged, so the fourth was sent, and repeated.
  EXPECT_EQ(fetcher.packets_received(), 4u + kDefaults.retries);
  EXPECT_EQ(world.counters.tftp_timeouts.get(), 1u);
}

TEST(TftpSim, ARepeatedRequestIsAnsweredOnce) {
  World world({});
  Fetchers fetchers;
  fetch(world, fetchers, 1, "ITLFile.tlv").go_silent();
  Buffer request(64);
  Writer out(request);
  wire::write_tftp_request(out, {.file = "ITLFile.tlv"});
  for (int i = 0; i < 5; ++i) world.sim.datagram(world.tftp_requests, world.peer(1, 2001), out.written());
  world.run_for(500, [&] { deliver(world, fetchers); });
  EXPECT_EQ(fetchers[0]->packets_received(), 1u);
  EXPECT_EQ(world.counters.tftp_duplicates.get(), 5u);
}

TEST(TftpSim, ADuplicatedAcknowledgementIsNotAnsweredTwice) {
  World world({});
  put(world, "f", file_content(1, 5000));
  io::Address peer = world.peer(1, 2001);
  Buffer request(64);
  Writer out(request);
  wire::write_tftp_request(out, {.file = "f"});
  world.sim.datagram(world.tftp_requests, peer, out.written());
  world.run_for(50);
  auto first = world.sim.take_datagrams();
  ASSERT_EQ(first.size(), 1u);
  const std::uint8_t ack[] = {0, 4, 0, 1};
  for (int i = 0; i < 4; ++i) world.sim.datagram(first[0].socket, peer, ack);
  world.run_for(50);
  EXPECT_EQ(world.sim.take_datagrams().size(), 1u);
}

TEST(TftpSim, AnUnknownTidGetsAnErrorAndDisturbsNothing) {
  World world({});
  Fetchers fetchers;
  fetch(world, fetchers, 1, "ITLFile.tlv");
  const std::uint8_t ack[] = {0, 4, 0, 1};
  const std::uint8_t error[] = {0, 5, 0, 0, 0};
  for (int socket : world.tftp_transfers) {
    world.sim.datagram(socket, world.peer(9, 9), ack);
    world.sim.datagram(socket, world.peer(9, 9), error);
  }
  unsigned answers = 0;
  world.run_for(5000, [&] {
    for (const io::SimDatagram& datagram : world.sim.take_datagrams()) {
      if (datagram.to == world.peer(9, 9)) {
        EXPECT_EQ(datagram.bytes[1], 5);
        EXPECT_EQ(datagram.bytes[3], 5);
        ++answers;
      } else {
        fetchers[0]->take(datagram);
      }
    }
    fetchers[0]->tick();
  });
  EXPECT_EQ(answers, 3u);  // none for an error
  EXPECT_TRUE(fetchers[0]->done());
}

TEST(TftpSim, RefusalsSayWhy) {
  World world({.shard = {.tftp = {.max_transfers = 1}}});
  struct Case {
    wire::TftpRequest request;
    wire::TftpErrorCode code;
  };
  const Case cases[] = {
      {{.file = "no-such-file"}, wire::TftpErrorCode::file_not_found},
      {{.file = "../etc/passwd"}, wire::TftpErrorCode::file_not_found},
      {{.write = true, .file = "ITLFile.tlv"}, wire::TftpErrorCode::access_violation},
      {{.file = "ITLFile.tlv", .mode = wire::TftpMode::mail}, wire::TftpErrorCode::undefined}};
  std::uint16_t port = 100;
  for (const Case& c : cases) {
    Buffer request(128);
    Writer out(request);
    wire::write_tftp_request(out, c.request);
    world.sim.datagram(world.tftp_requests, world.peer(1, ++port), out.written());
    world.run_for(50);
    auto answers = world.sim.take_datagrams();
    ASSERT_EQ(answers.size(), 1u);
    auto packet = wire::parse_tftp(answers[0].bytes);
    ASSERT_TRUE(packet && std::holds_alternative<wire::TftpError>(*packet));
    EXPECT_EQ(std::get<wire::TftpError>(*packet).code, c.code);
  }
  Fetchers fetchers;
  fetch(world, fetchers, 1, "ITLFile.tlv");
  world.run_for(10, [&] {
    deliver(world, fetchers);
    if (fetchers[0]->packets_received() == 2) fetchers[0]->go_silent();
  });
  fetch(world, fetchers, 2, "ITLFile.tlv");
  world.run_for(100, [&] { deliver(world, fetchers); });
  EXPECT_EQ(fetchers[1]->error(), wire::TftpErrorCode::undefined);
  EXPECT_EQ(world.counters.tftp_full.get(), 1u);
}

TEST(TftpSim, WhatIsNotARequestGetsNoAnswer) {
  World world({});
  const std::uint8_t data[] = {0, 3, 0, 1, 65};
  const std::uint8_t error[] = {0, 5, 0, 0, 0};
  const std::uint8_t odd[] = {7};
  for (Bytes bytes : {Bytes(data), Bytes(error), Bytes(odd)})
    world.sim.datagram(world.tftp_requests, world.peer(1, 1), bytes);
  world.run_for(1000);
  EXPECT_TRUE(world.sim.take_datagrams().empty());
  EXPECT_EQ(world.counters.tftp_malformed.get(), 3u);
}

TEST(TftpSim, TheAskedAddressAnswers) {
  World world({});
  Buffer request(64);
  Writer out(request);
  wire::write_tftp_request(out, {.file = "ITLFile.tlv"});
  io::Host asked = io::parse_host("10.1.1.77").value();
  world.sim.datagram_to(world.tftp_requests, world.peer(1, 1), asked, out.written());
  world.run_for(50);
  auto answers = world.sim.take_datagrams();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].from.host, asked);
}

TEST(TftpSim, DrainLetsTransfersEnd) {
  World world({});
  Buffer content = file_content(1, 100'000);
  world.publish({{.name = "f", .body = index::FileBody{.content = index::Blob(content)}}});
  Fetchers fetchers;
  fetch(world, fetchers, 1, "f");
  unsigned ticks = 0;
  world.run_for(30'000, [&] {
    deliver(world, fetchers);
    if (++ticks == 10) {
      world.shard->drain();
      fetch(world, fetchers, 2, "f");
    }
  });
  EXPECT_FALSE(world.alive);
  EXPECT_TRUE(same_bytes(fetchers[0]->content(), content));
  EXPECT_TRUE(fetchers[1]->content().empty());
}

}  // namespace
}  // namespace anchord::sim
