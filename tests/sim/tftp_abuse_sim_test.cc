// TFTP among those who forge, guess and flood, and what is written down about it.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <set>

#include "world.h"

namespace anchord::sim {
namespace {

constexpr const char* kDevice = "SEP001122334455";

// Peers by hand, on a ring without faults.
class TftpAbuse : public testing::Test {
 protected:
  void make(service::ShardSettings shard = {}) {
    world_ = std::make_unique<World>(WorldSettings{.shard = std::move(shard)});
    world_->publish({{.name = "f", .body = body(1, 5'000)},
                     {.name = "big", .body = body(2, 512 * 640)},
                     {.name = "SEP001122334455.cnf.xml.sgn", .body = body(3, 1'000)}});
  }

  static index::FileBody body(std::uint8_t mark, std::size_t size) {
    return {.content = index::Blob(file_content(mark, size))};
  }

  void ask(const io::Address& from, std::string_view file, wire::TftpOptions options = {}) {
    Buffer packet(1024);
    Writer out(packet);
    wire::write_tftp_request(out, {.file = file, .options = options});
    world_->sim.datagram(world_->tftp_requests, from, out.written());
  }
  void ack(int socket, const io::Address& from, std::uint64_t block) {
    world_->sim.datagram(
        socket, from, Buffer{0, 4, static_cast<std::uint8_t>(block >> 8), static_cast<std::uint8_t>(block)});
  }
  // What was sent within a short while.
  std::vector<io::SimDatagram> sent(Millis time = 5) {
    world_->run_for(time);
    return world_->sim.take_datagrams();
  }
  std::vector<io::SimDatagram> answers(const io::Address& from, std::string_view file,
                                       wire::TftpOptions options = {}) {
    ask(from, file, options);
    return sent();
  }
  static wire::TftpErrorCode error_in(const io::SimDatagram& datagram) {
    auto packet = wire::parse_tftp(datagram.bytes);
    const auto* error = packet ? std::get_if<wire::TftpError>(&*packet) : nullptr;
    EXPECT_NE(error, nullptr);
    return error == nullptr ? wire::TftpErrorCode::undefined : error->code;
  }
  io::Address peer(unsigned host, unsigned port = 3000) const {
    return world_->peer(host, static_cast<std::uint16_t>(port));
  }
  std::vector<service::Download> downloads() {
    std::vector<service::Download> out;
    world_->activity.downloads.drain([&](const service::Download& d) {
      if (d.end != service::DownloadEnd::begun) out.push_back(d);
    });
    return out;
  }

  std::unique_ptr<World> world_;
};

// It would be taken for the new transfer's own, and end that with blocks missing.
TEST_F(TftpAbuse, ALateAcknowledgementIsNotTheNextTransfers) {
  make();
  for (unsigned host = 1; host <= 50; ++host) {
    const auto first = answers(peer(host), "SEP001122334455.cnf.xml.sgn");
    ASSERT_EQ(first.size(), 1u);
    const auto second = answers(peer(host), "f");
    ASSERT_EQ(second.size(), 1u);
    EXPECT_NE(first[0].socket, second[0].socket);
    ack(first[0].socket, peer(host), 1);
    EXPECT_TRUE(sent().empty());
  }
}

TEST_F(TftpAbuse, AForgedRequestCostsTwoPacketsWhateverItAsks) {
  make();
  for (wire::TftpOptions options :
       {wire::TftpOptions{}, wire::TftpOptions{.blksize = std::uint16_t{65464}},
        wire::TftpOptions{.timeout = std::uint8_t{1}, .windowsize = std::uint16_t{64}}}) {
    ask(peer(1), "big", options);
    EXPECT_EQ(sent(120'000).size(), 2u);
  }
}

TEST_F(TftpAbuse, AnAddressCannotBeginWithoutEnd) {
  make({.tftp = {.unproven_per_address = {.burst = 5, .per_second = 1}}});
  for (unsigned port = 1; port <= 20; ++port) ask(peer(1, port), "f");
  EXPECT_EQ(sent().size(), 5u);
  EXPECT_EQ(world_->counters.tftp_rate_limited.get(), 15u);
  EXPECT_EQ(answers(peer(2), "f").size(), 1u);  // another's is its own
  // Refusals are free: phones ask for much that there is not.
  EXPECT_EQ(error_in(answers(peer(1, 50), "none").at(0)), wire::TftpErrorCode::file_not_found);
  world_->run_for(2'500);
  world_->sim.take_datagrams();
  for (unsigned port = 30; port < 40; ++port) ask(peer(1, port), "f");
  EXPECT_EQ(sent().size(), 2u);
}

TEST_F(TftpAbuse, ANetworkCannotBeginWithoutEnd) {
  make({.tftp = {.unproven_per_network = {.burst = 5, .per_second = 1}}});
  for (unsigned host = 1; host <= 20; ++host) ask(peer(host), "f");
  EXPECT_EQ(sent().size(), 5u);
  EXPECT_EQ(answers(peer(0x1ff), "f").size(), 1u);  // of another /24
}

TEST_F(TftpAbuse, WhatTheNetworkMayNotSpendTheAddressKeeps) {
  make({.tftp = {.unproven_per_address = {.burst = 3, .per_second = 0},
                 .unproven_per_network = {.burst = 1, .per_second = 1}}});
  for (unsigned port = 1; port <= 10; ++port) ask(peer(1, port), "f");
  EXPECT_EQ(sent().size(), 1u);
  for (unsigned port = 11; port <= 12; ++port) {
    world_->run_for(5'000);
    world_->sim.take_datagrams();
    EXPECT_EQ(answers(peer(1, port), "f").size(), 1u);
  }
}

TEST_F(TftpAbuse, WhoAcknowledgesMayGoOn) {
  make({.tftp = {.unproven_per_address = {.burst = 2, .per_second = 0},
                 .unproven_per_network = {.burst = 2, .per_second = 0}}});
  for (unsigned port = 1; port <= 100; ++port) {
    auto first = answers(peer(1, port), "f");
    ASSERT_EQ(first.size(), 1u) << port;
    ack(first[0].socket, peer(1, port), 1);
    EXPECT_EQ(sent().size(), 1u);
  }
  EXPECT_EQ(world_->counters.tftp_active.get(), 100u);
}

TEST_F(TftpAbuse, AThousandPhonesBehindOneAddressBoot) {
  make();
  for (unsigned port = 1; port <= 1000; ++port) ask(peer(1, port), "f");
  EXPECT_EQ(sent().size(), 1000u);
  EXPECT_EQ(world_->counters.tftp_answered.get(), 1000u);
  EXPECT_EQ(world_->counters.tftp_rate_limited.get(), 0u);
}

TEST_F(TftpAbuse, WhoHasAcknowledgedNothingTakesNoTransfer) {
  make({.tftp = {.max_transfers = 1}});
  for (unsigned port = 1; port <= 1000; ++port) ask(peer(1, port), "f");
  EXPECT_EQ(sent().size(), 1000u);
  std::vector<std::unique_ptr<Fetcher>> fetchers;
  fetchers.push_back(std::make_unique<Fetcher>(*world_, 2, "big", wire::TftpOptions{}));
  world_->run_for(500, [&] { deliver(*world_, fetchers); });
  EXPECT_TRUE(fetchers[0]->done());
  // Of two that are answered one gets the only transfer, and one more is told so at once.
  const auto first = answers(peer(4), "f");
  const auto second = answers(peer(5), "f");
  ack(first.at(0).socket, peer(4), 1);
  EXPECT_EQ(sent().size(), 1u);
  ack(second.at(0).socket, peer(5), 1);
  EXPECT_EQ(error_in(sent().at(0)), wire::TftpErrorCode::undefined);
  EXPECT_EQ(error_in(answers(peer(6), "f").at(0)), wire::TftpErrorCode::undefined);
  EXPECT_EQ(world_->counters.tftp_full.get(), 2u);
  world_->run_for(60'000);
  EXPECT_EQ(world_->counters.tftp_active.get(), 0u);
}

// Who forges a peer's address does not see which port answered.
TEST_F(TftpAbuse, AWrongGuessOfThePortEndsTheTransfer) {
  make();
  auto oack = answers(peer(1), "big", {.windowsize = std::uint16_t{64}});
  ASSERT_EQ(oack.size(), 1u);
  for (int socket : world_->tftp_transfers)
    if (socket != oack[0].socket) ack(socket, peer(1), 0);
  for (const io::SimDatagram& answer : sent())
    EXPECT_EQ(error_in(answer), wire::TftpErrorCode::unknown_transfer);
  ack(oack[0].socket, peer(1), 0);
  auto answer = sent();
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(error_in(answer[0]), wire::TftpErrorCode::unknown_transfer);
  EXPECT_EQ(world_->counters.tftp_tid_mismatch.get(), 1u);
  EXPECT_EQ(world_->counters.tftp_active.get(), 0u);

  // An error is enough, and is not answered.
  oack = answers(peer(1), "big", {.windowsize = std::uint16_t{64}});
  for (int socket : world_->tftp_transfers)
    if (socket != oack.at(0).socket) world_->sim.datagram(socket, peer(1), Buffer{0, 5, 0, 0, 0});
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(world_->counters.tftp_tid_mismatch.get(), 2u);
}

TEST_F(TftpAbuse, AProvenTransferGoesOnWhateverComesElsewhere) {
  make();
  auto first = answers(peer(1), "f");
  ack(first.at(0).socket, peer(1), 1);
  auto second = sent();
  ASSERT_EQ(second.size(), 1u);
  for (int socket : world_->tftp_transfers)
    if (socket != first[0].socket) world_->sim.datagram(socket, peer(1), Buffer{0, 5, 0, 0, 0});
  ack(first[0].socket, peer(1), 2);
  EXPECT_EQ(sent().size(), 1u);
}

TEST_F(TftpAbuse, APeersPacketsAreSeenBeforeItsNextRequest) {
  make();
  world_->publish({{.name = "tiny", .body = body(4, 100)}});
  for (int i = 0; i < 20; ++i) {
    auto only = answers(peer(1), "tiny");
    ASSERT_EQ(only.size(), 1u);
    ask(peer(1), "f");
    ack(only[0].socket, peer(1), 1);
    auto next = sent();
    ASSERT_EQ(next.size(), 1u);
    EXPECT_EQ(next[0].bytes.size(), 516u);
    world_->sim.datagram(next[0].socket, peer(1), Buffer{0, 5, 0, 0, 0});
    sent();
  }
  EXPECT_EQ(world_->counters.tftp_completed.get(), 20u);
  EXPECT_EQ(world_->counters.tftp_aborted.get(), 20u);
  EXPECT_EQ(world_->counters.tftp_tid_mismatch.get(), 0u);
}

// A client that uses one port for all: its last acknowledgement may be read after its
// next request, since they come on different sockets.
TEST_F(TftpAbuse, ALateAcknowledgementOfTheLastFileIsNoGuess) {
  make();
  // Until the two transfers have different sockets.
  for (unsigned host = 1; host < 100; ++host) {
    auto old = answers(peer(host), "SEP001122334455.cnf.xml.sgn", {.blksize = std::uint16_t{600}});
    ack(old.at(0).socket, peer(host), 0);
    ASSERT_EQ(sent().size(), 1u);
    ack(old[0].socket, peer(host), 1);
    ASSERT_EQ(sent().size(), 1u);  // the last block
    auto next = answers(peer(host), "f");
    ASSERT_EQ(next.size(), 1u);
    ASSERT_EQ(downloads().at(0).end, service::DownloadEnd::maybe_given);
    if (next[0].socket == old[0].socket) continue;
    ack(old[0].socket, peer(host), 2);
    EXPECT_TRUE(sent().empty());
    ack(next[0].socket, peer(host), 1);
    EXPECT_EQ(sent().size(), 1u);
    EXPECT_EQ(world_->counters.tftp_tid_mismatch.get(), 0u);
    return;
  }
  FAIL() << "all transfers have the same socket";
}

TEST_F(TftpAbuse, TransfersUseEveryPort) {
  make();
  std::set<int> used;
  for (unsigned host = 1; host < 100; ++host) used.insert(answers(peer(host), "f").at(0).socket);
  EXPECT_EQ(used, std::set<int>(world_->tftp_transfers.begin(), world_->tftp_transfers.end()));
}

// A client that acknowledges each block of a window, at once.
TEST_F(TftpAbuse, AckingEveryBlockDoesNotMultiplyTheTraffic) {
  make();
  auto oack = answers(peer(1), "big", {.windowsize = std::uint16_t{64}});
  ack(oack.at(0).socket, peer(1), 0);
  std::uint64_t next = 1;
  std::size_t received = 0;
  for (int i = 0; i < 10'000 && next <= 641; ++i) {
    for (const io::SimDatagram& datagram : sent(1)) {
      ++received;
      auto packet = wire::parse_tftp(datagram.bytes);
      const auto* data = std::get_if<wire::TftpData>(&*packet);
      ASSERT_NE(data, nullptr);
      if (data->block == next) ack(oack[0].socket, peer(1), next++);
    }
  }
  received += sent().size();
  EXPECT_EQ(world_->counters.tftp_completed.get(), 1u);
  EXPECT_LT(received, 641u * 3);
}

TEST_F(TftpAbuse, OneOldAcknowledgementIsWorthOneWindow) {
  make();
  auto oack = answers(peer(1), "big", {.windowsize = std::uint16_t{64}});
  for (int i = 0; i < 500; ++i) {
    Millis when = world_->sim.time() + static_cast<Millis>(i);
    world_->sim.at(when, [&] { ack(oack.at(0).socket, peer(1), 0); });
  }
  std::size_t received = 0;
  for (int i = 0; i < 600; ++i) received += sent(1).size();
  EXPECT_EQ(received, 128u);
}

TEST_F(TftpAbuse, WhatIsNoFileIsNotFound) {
  make();
  world_->publish({{.name = "Desktops/320x212x16/List.xml", .body = body(1, 100)}});
  std::string overlong(400, 'a');
  unsigned port = 100;
  for (std::string_view name :
       {std::string_view("../f"), std::string_view("../../etc/passwd"), std::string_view("/etc/passwd"),
        std::string_view("Desktops/../f"), std::string_view("..\\f"), std::string_view("C:\\f"),
        std::string_view("f\n"), std::string_view("\x01"), std::string_view("."), std::string_view("/"),
        std::string_view("//../f"), std::string_view("Desktops"), std::string_view("Desktops/..?x"),
        std::string_view("Desktops/320x212x16/"), std::string_view(overlong)}) {
    auto answer = answers(peer(1, ++port), name);
    ASSERT_EQ(answer.size(), 1u) << name;
    EXPECT_EQ(error_in(answer[0]), wire::TftpErrorCode::file_not_found) << name;
  }
  for (std::string_view name :
       {std::string_view("/desktops/320X212X16/list.XML"),
        std::string_view("//Desktops/./320x212x16//List.xml"),
        std::string_view("Desktops/320x212x16/List.xml?locale=x&name=SEP001122334455")})
    EXPECT_EQ(answers(peer(2, ++port), name).at(0).bytes.size(), 104u) << name;
}

TEST_F(TftpAbuse, GuessersAreSlowedAndReported) {
  make({.max_unknown_devices = 5});
  unsigned answered = 0;
  for (unsigned i = 0; i < 50; ++i) {
    std::string digits = std::to_string(i);
    answered += static_cast<unsigned>(
        answers(peer(1, 100 + i), "SEP" + std::string(12 - digits.size(), '0') + digits + ".cnf.xml.sgn")
            .size());
  }
  EXPECT_LE(answered, 8u);
  EXPECT_GE(world_->counters.tftp_throttled.get(), 42u);
  EXPECT_TRUE(answers(peer(1, 200), std::string(kDevice) + ".cnf.xml.sgn").empty());
  EXPECT_EQ(answers(peer(1, 201), "f").size(), 1u);  // names no device
  EXPECT_EQ(answers(peer(2), std::string(kDevice) + ".cnf.xml.sgn").size(), 1u);
  std::vector<service::Guessing> reports;
  world_->activity.guessing.drain([&](const service::Guessing& g) { reports.push_back(g); });
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].from, peer(1).host);
}

// The address of who asks may be forged; that of who has fetched a list is not.
TEST_F(TftpAbuse, PhonesThatFetchTheirListAreNoGuessers) {
  make({.max_unknown_devices = 1});
  unsigned told = 0;
  for (unsigned i = 0; i < 10; ++i) {
    const std::string name = "SEP00000000010" + std::to_string(i);
    const io::Address phone = peer(1, 100 + i);
    const auto list = answers(phone, "ITL" + name + ".tlv", {.blksize = std::uint16_t{10'000}});
    ASSERT_EQ(list.size(), 1u);
    ack(list[0].socket, phone, 0);
    ASSERT_EQ(sent().size(), 1u);
    if (i < 2 || i >= 8) {
      ack(list[0].socket, phone, 1);
      ASSERT_TRUE(sent().empty());
    }
    told += static_cast<unsigned>(answers(phone, name + ".cnf.xml.sgn").size());
  }
  // Of four that have their list, and of one that has not.
  EXPECT_EQ(told, 4u + 1u);
  EXPECT_EQ(world_->counters.tftp_throttled.get(), 5u);
}

TEST_F(TftpAbuse, DownloadsOfDevicesAreWrittenDown) {
  make();
  // Completed, and the list of the cluster in place of the device's own.
  auto answer = answers(peer(1), "ITLSEP001122334455.tlv", {.blksize = std::uint16_t{10'000}});
  for (std::uint64_t block : {0, 1}) {
    ack(answer.at(0).socket, peer(1), block);
    sent();
  }
  // Failed: by an error, and by silence.
  for (unsigned host : {2, 3}) {
    answer = answers(peer(host), "SEP001122334455.cnf.xml.sgn");
    ack(answer.at(0).socket, peer(host), 1);
    sent();
    if (host == 2) world_->sim.datagram(answer[0].socket, peer(host), Buffer{0, 5, 0, 3, 0});
  }
  answers(peer(4), "SEP001122334455.cnf.xml.sgn");  // perhaps forged
  answer = answers(peer(5), "f");                   // of no device
  ack(answer.at(0).socket, peer(5), 1);
  sent(120'000);

  auto written = downloads();
  ASSERT_EQ(written.size(), 3u);
  EXPECT_EQ(written[0].file.text(), "ITLFile.tlv");
  EXPECT_EQ(written[0].end, service::DownloadEnd::given);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(written[i].file.text(), "SEP001122334455.cnf.xml.sgn");
    EXPECT_EQ(written[i].end, service::DownloadEnd::maybe_given);
    EXPECT_NE(written[i].version, written[0].version);
  }
  for (const service::Download& download : written) {
    EXPECT_EQ(download.device.text(), kDevice);
    EXPECT_EQ(download.protocol, service::Protocol::tftp);
  }
}

// What it has is not known, whatever it asks for next.
TEST_F(TftpAbuse, AFileWithoutItsLastAcknowledgementIsMaybeGiven) {
  make();
  for (std::string_view next : {"f", "SEP001122334455.cnf.xml.sgn", ""}) {
    auto answer = answers(peer(1), "ITLSEP001122334455.tlv", {.blksize = std::uint16_t{10'000}});
    ack(answer.at(0).socket, peer(1), 0);
    ASSERT_EQ(sent().size(), 1u);  // the last block
    if (!next.empty()) answers(peer(1), next);
    sent(120'000);
    auto written = downloads();
    ASSERT_EQ(written.size(), 1u);
    EXPECT_EQ(written[0].end, service::DownloadEnd::maybe_given);
    EXPECT_EQ(written[0].file.text(), "ITLFile.tlv");
  }
  EXPECT_EQ(world_->counters.tftp_completed.get(), 0u);
}

TEST_F(TftpAbuse, WhatADeviceLacksIsWrittenDown) {
  make();
  unsigned port = 100;
  for (std::string_view name :
       {"CTLSEP001122334455.tlv", "/SEP001122334455.cnf.xml.enc.sgn", "SEP001122334455.cnf.xml"}) {
    answers(peer(1, ++port), name);
    auto written = downloads();
    ASSERT_EQ(written.size(), 1u) << name;
    EXPECT_EQ(written[0].end, service::DownloadEnd::not_there);
    EXPECT_EQ(written[0].file.text(), name.substr(name.front() == '/' ? 1 : 0));
    EXPECT_EQ(written[0].device.text(), kDevice);
    EXPECT_EQ(written[0].version, 0u);
    EXPECT_EQ(written[0].from, peer(1).host);
  }
  for (std::string_view name :
       {"SEP001122334455.txt", "SEP001122334455.cnf.xmlx", "CTLFile.tlv", "ITLSEP0011.tlv"}) {
    answers(peer(1, ++port), name);
    EXPECT_TRUE(downloads().empty()) << name;
  }
}

// What was queued in the tick in which a transfer ends still refers to its file.
TEST_F(TftpAbuse, NothingIsSentFromAFileThatIsGone) {
  make();
  auto oack = answers(peer(1), "big", {.windowsize = std::uint16_t{64}});
  ack(oack.at(0).socket, peer(1), 0);
  ASSERT_EQ(sent().size(), 64u);
  world_->publish({{.name = "big", .body = std::nullopt}});
  sent();
  ASSERT_EQ(world_->publisher.reclaim(), 1u);  // the transfer alone has it now
  ack(oack[0].socket, peer(1), 64);
  world_->sim.datagram(oack[0].socket, peer(1), Buffer{0, 5, 0, 0, 0});
  const auto window = sent();
  EXPECT_EQ(world_->counters.tftp_active.get(), 0u);
  ASSERT_EQ(window.size(), 64u);  // all left before the file went
  EXPECT_TRUE(same_bytes(Bytes(window[63].bytes).subspan(4),
                         Bytes(file_content(2, 512 * 128)).subspan(std::size_t{512} * 127)));
}

// What was sent of it cannot be gone on with.
TEST_F(TftpAbuse, AFileThatChangesBeforeTheFirstAcknowledgementIsAskedForAnew) {
  make();
  auto first = answers(peer(1), "f");
  world_->publish({{.name = "f", .body = body(9, 5'000)}});
  ack(first.at(0).socket, peer(1), 1);
  EXPECT_EQ(error_in(sent().at(0)), wire::TftpErrorCode::unknown_transfer);
  first = answers(peer(1), "f");
  world_->publish({{.name = "another", .body = body(9, 5'000)}});  // is no reason
  ack(first.at(0).socket, peer(1), 1);
  EXPECT_EQ(sent().at(0).bytes.size(), 516u);
}

// The first answer may be lost, or be late: whoever asks again is answered by the same port.
TEST_F(TftpAbuse, WhoAsksAgainIsAnsweredAgain) {
  make({.tftp = {.unproven_per_address = {.burst = 2, .per_second = 0}}});
  const auto first = answers(peer(1), "f");
  EXPECT_TRUE(answers(peer(1), "f").empty());  // the network doubled it
  EXPECT_TRUE(sent(2'000).empty());            // a repetition would leave too little for others
  const auto second = answers(peer(1), "f");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].socket, first.at(0).socket);
  EXPECT_TRUE(answers(peer(1, 9), "f").empty());
  EXPECT_EQ(world_->counters.tftp_rate_limited.get(), 1u);
  ack(first[0].socket, peer(1), 1);
  EXPECT_EQ(sent().size(), 1u);
}

TEST_F(TftpAbuse, OneAddressGetsNoMoreThanItsBudgetUnproven) {
  make();
  constexpr unsigned kSeconds = 3;
  constexpr service::TftpSettings kDefaults;
  for (unsigned i = 0; i < kSeconds * 1000; ++i)
    world_->sim.at(world_->sim.time() + i, [this, i] {
      ask(peer(1, 1000 + 2 * i), "f");
      ask(peer(1, 1001 + 2 * i), "f");
    });
  const std::size_t packets = sent(kSeconds * 1000 + 10).size();
  EXPECT_GE(packets, kDefaults.unproven_per_address.burst);
  EXPECT_LE(packets, kDefaults.unproven_per_address.burst +
                         (kSeconds + 1) * kDefaults.unproven_per_address.per_second);
  EXPECT_LE(world_->counters.tftp_retransmits.get(), kDefaults.unproven_per_address.burst / 2);
}

// Requests from forged addresses, and phones among them that answer after 20 to 500 ms. Everything is a
// sixteenth of what is default, and of 100,000 requests a second.
TEST_F(TftpAbuse, ForgedRequestsTakeNobodysPlace) {
  constexpr unsigned kPart = 16;
  constexpr unsigned kPhones = 200;
  constexpr Millis kAtWork = 3'000;
  make({.tftp = {.max_transfers = 32'768 / kPart, .max_unproven = 131'072 / kPart}});
  const Millis start = world_->sim.time();
  std::mt19937_64 random(3);
  auto forge = [&] {
    io::Address from = world_->peer(0, static_cast<std::uint16_t>(1024 + random() % 60'000));
    from.host.bytes[12] = static_cast<std::uint8_t>(11 + random() % 200);
    for (std::size_t i = 13; i < 16; ++i) from.host.bytes[i] = static_cast<std::uint8_t>(random());
    ask(from, "f");
  };
  for (Millis t = 0; t < kAtWork; ++t)
    world_->sim.at(start + t, [&forge] {
      for (unsigned i = 0; i < 100 / kPart; ++i) forge();
    });

  struct Caller {
    Millis away = 0;  // the round trip
    unsigned asked = 0;
    int socket = -1;
    std::uint64_t block = 0;
    Millis heard = 0;
    bool done = false;
  };
  std::vector<Caller> phones(kPhones);
  constexpr Millis kTimeout = 2'000;
  std::function<void(unsigned)> ask_anew = [&](unsigned i) {
    Caller& phone = phones[i];
    if (phone.done) return;
    if (phone.asked == 0 || world_->sim.time() - phone.heard >= kTimeout) {
      phone = {.away = phone.away, .asked = phone.asked + 1, .heard = world_->sim.time()};
      ask(peer(i), "f");
    }
    world_->sim.at(phone.heard + kTimeout, [&ask_anew, i] { ask_anew(i); });
  };
  for (unsigned i = 0; i < kPhones; ++i) {
    phones[i].away = 20 + random() % 480;
    world_->sim.at(start + 500 + random() % 1'500, [&ask_anew, i] { ask_anew(i); });
  }
  world_->run_for(30'000, [&] {
    for (const io::SimDatagram& datagram : world_->sim.take_datagrams()) {
      const unsigned i = datagram.to.host.bytes[14] * 256u + datagram.to.host.bytes[15];
      if (i >= kPhones || datagram.to != peer(i)) continue;
      Caller& phone = phones[i];
      const auto packet = wire::parse_tftp(datagram.bytes);
      const auto* data = packet ? std::get_if<wire::TftpData>(&*packet) : nullptr;
      if (data == nullptr || (phone.socket >= 0 && phone.socket != datagram.socket)) continue;
      if (data->block != phone.block + 1) continue;
      phone.heard = world_->sim.time();
      phone.socket = datagram.socket;
      ++phone.block;
      phone.done = data->payload.size() < 512;
      world_->sim.at(phone.heard + phone.away,
                     [this, i, socket = phone.socket, block = phone.block] { ack(socket, peer(i), block); });
    }
  });
  unsigned well = 0;
  for (const Caller& phone : phones) well += phone.done && phone.asked <= 2 ? 1 : 0;
  EXPECT_GE(well * 100, kPhones * 99);
  EXPECT_EQ(world_->counters.tftp_full.get(), 0u);
  EXPECT_GT(world_->counters.tftp_gave_way.get(), kAtWork);
  EXPECT_GE(world_->counters.tftp_answered.get(), kAtWork * (100 / kPart));
}

// More versions than a shard holds, each with peers that read 8 bytes now and then.
TEST_F(TftpAbuse, SlowPeersHoldNoViews) {
  make();
  constexpr unsigned kVersions = index::kMaxLiveViews + 10;
  const auto content = [](unsigned version) { return file_content(static_cast<std::uint8_t>(version), 100); };
  std::vector<io::SimDatagram> last;  // of each peer
  for (unsigned i = 0; i < kVersions; ++i) {
    world_->publish({{.name = "changing", .body = index::FileBody{.content = index::Blob(content(i))}}});
    const auto oack = answers(peer(i), "changing", {.blksize = std::uint16_t{8}});
    ASSERT_EQ(oack.size(), 1u);
    ack(oack[0].socket, peer(i), 0);
    last.push_back(sent().at(0));
    EXPECT_LE(world_->publisher.reclaim(), 2u) << i;
  }
  world_->publish({{.name = "changing", .body = std::nullopt}});
  sent(1);
  EXPECT_EQ(world_->publisher.reclaim(), 1u);
  EXPECT_EQ(world_->counters.tftp_active.get(), kVersions);
  for (unsigned i = 0; i < kVersions; ++i) {
    Buffer got(last[i].bytes.begin() + 4, last[i].bytes.end());
    for (std::uint8_t block = 1; block <= 13; ++block) {
      ack(last[i].socket, peer(i), block);
      for (const io::SimDatagram& next : sent(1))  // among what is repeated to others, or to this one
        if (next.to == peer(i) && next.bytes[3] == block + 1)
          got.insert(got.end(), next.bytes.begin() + 4, next.bytes.end());
    }
    EXPECT_EQ(got, content(i)) << i;
  }
  EXPECT_EQ(world_->counters.tftp_completed.get(), kVersions);
}

TEST_F(TftpAbuse, WhoAcknowledgesAFewBytesNowAndThenIsGivenUp) {
  make();
  const auto oack = answers(peer(1), "SEP001122334455.cnf.xml.sgn", {.blksize = std::uint16_t{8}});
  ASSERT_EQ(oack.size(), 1u);
  unsigned answered = 0;
  for (std::uint64_t block = 0; block < 25; ++block) {
    ack(oack[0].socket, peer(1), block);
    const auto next = sent(10'000);
    if (!next.empty() && next[0].bytes[1] == 3) ++answered;
  }
  EXPECT_LE(answered, 13u);
  EXPECT_EQ(world_->counters.tftp_too_slow.get(), 1u);
  EXPECT_EQ(world_->counters.tftp_active.get(), 0u);
  const auto written = downloads();
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0].end, service::DownloadEnd::maybe_given);
}

TEST_F(TftpAbuse, NoPortNoAnswer) {
  make();
  EXPECT_TRUE(answers(peer(1, 0), "f").empty());
}

class TftpNoise : public testing::TestWithParam<std::uint64_t> {};

// Packets of all kinds, right and wrong, from peers with and without a transfer, while
// others fetch.
TEST_P(TftpNoise, DisturbsNobody) {
  World world({.ring = {.faults = io::SimFaults::some(GetParam()), .udp_buffers = 16},
               .shard = {.tftp = {.max_transfers = 12}}});
  Buffer content = file_content(7, 60'000);
  world.publish({{.name = "big", .body = index::FileBody{.content = index::Blob(content)}}});
  std::mt19937_64 random(GetParam());
  std::vector<std::unique_ptr<Fetcher>> fetchers;
  for (unsigned i = 0; i < 4; ++i) {
    wire::TftpOptions options;
    if (i % 2) options.windowsize = static_cast<std::uint16_t>(1 + random() % 64);
    fetchers.push_back(std::make_unique<Fetcher>(world, i, "big", options));
  }
  auto noise = [&] {
    Buffer packet(64);
    Writer out(packet);
    std::uint64_t kind = random() % 6;
    if (kind < 2) {
      wire::write_tftp_request(out, {.file = "big", .options = {.windowsize = std::uint16_t{64}}});
    } else if (kind < 5) {
      wire::write_tftp_ack(out, static_cast<std::uint16_t>(random() % 80));
    } else {
      for (auto left = random() % 64; left > 0; --left) out.u8(static_cast<std::uint8_t>(random() % 8));
    }
    int socket = kind < 2 ? world.tftp_requests : world.tftp_transfers[random() % 3];
    // Peers of its own: the fetchers' addresses would be an attack on them.
    world.sim.datagram(socket, world.peer(100 + random() % 8, 99), out.written());
  };
  for (Millis t = 0; t < 5'000; t += 2) world.sim.at(world.sim.time() + t, noise);
  world.run_for(600'000, [&] { deliver(world, fetchers); });
  for (auto& fetcher : fetchers) EXPECT_TRUE(same_bytes(fetcher->content(), content));
  EXPECT_EQ(world.counters.tftp_active.get(), 0u);
  EXPECT_EQ(world.sim.buffers_out(io::Group::udp), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, TftpNoise, testing::Range<std::uint64_t>(1, 31));

}  // namespace
}  // namespace anchord::sim
