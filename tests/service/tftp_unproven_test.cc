#include "tftp/tftp_unproven.h"

#include <gtest/gtest.h>

namespace anchord::service {
namespace {

constexpr Millis kStart = (Millis{1} << 32) - 1'000;  // its last 32 bits wrap soon
constexpr std::uint32_t kOneSet = 8;

io::Address peer(unsigned network, unsigned host) {
  io::Address out = io::parse_address("10.0.0.0", 3000).value();
  out.host.bytes[14] = static_cast<std::uint8_t>(network);
  out.host.bytes[15] = static_cast<std::uint8_t>(host);
  return out;
}

TftpAsked asked_by(const io::Address& from) {
  return {.peer = from, .file = 7, .socket = 3};
}

TEST(TftpUnproven, KnowsWhatWasAskedUntilItsTimeIsOver) {
  TftpUnproven unproven(1000, 7);
  EXPECT_EQ(unproven.find(peer(1, 1), kStart), nullptr);
  EXPECT_FALSE(unproven.add(asked_by(peer(1, 1)), kStart));
  const TftpAsked* asked = unproven.find(peer(1, 1), kStart + 5'000);
  ASSERT_NE(asked, nullptr);
  EXPECT_EQ(asked->file, 7u);
  EXPECT_EQ(unproven.asked_at(*asked, kStart + 5'000), kStart);
  EXPECT_EQ(unproven.find(peer(1, 2), kStart), nullptr);
  EXPECT_NE(unproven.find(peer(1, 1), kStart + TftpUnproven::kLife), nullptr);
  EXPECT_EQ(unproven.find(peer(1, 1), kStart + TftpUnproven::kLife + 1), nullptr);
}

TEST(TftpUnproven, ForgetsOne) {
  TftpUnproven unproven(1000, 7);
  unproven.add(asked_by(peer(1, 1)), kStart);
  unproven.add(asked_by(peer(1, 2)), kStart);
  unproven.forget(*unproven.find(peer(1, 1), kStart));
  EXPECT_EQ(unproven.find(peer(1, 1), kStart), nullptr);
  EXPECT_NE(unproven.find(peer(1, 2), kStart), nullptr);
}

TEST(TftpUnproven, APeerHasOnePlace) {
  TftpUnproven unproven(kOneSet, 7);
  for (unsigned i = 0; i < 20; ++i) EXPECT_FALSE(unproven.add(asked_by(peer(1, 1)), kStart + i));
  EXPECT_EQ(unproven.asked_at(*unproven.find(peer(1, 1), kStart + 100), kStart + 100), kStart + 19);
  for (unsigned i = 2; i < 9; ++i) EXPECT_FALSE(unproven.add(asked_by(peer(i, 1)), kStart + 50));
}

TEST(TftpUnproven, TheOldestGivesWay) {
  TftpUnproven unproven(kOneSet, 7);
  for (unsigned i = 0; i < kOneSet; ++i) EXPECT_FALSE(unproven.add(asked_by(peer(i, 1)), kStart + 500 * i));
  EXPECT_TRUE(unproven.add(asked_by(peer(100, 1)), kStart + 5'000));
  EXPECT_EQ(unproven.find(peer(0, 1), kStart + 5'000), nullptr);
  for (unsigned i = 1; i < kOneSet; ++i) EXPECT_NE(unproven.find(peer(i, 1), kStart + 5'000), nullptr) << i;
  // Whose time is over goes before that, and misses nothing.
  EXPECT_FALSE(unproven.add(asked_by(peer(101, 1)), kStart + 501 + TftpUnproven::kLife));
}

TEST(TftpUnproven, TheHeaviestNetworkGivesWayFirst) {
  TftpUnproven unproven(kOneSet, 7);
  for (unsigned i = 0; i < 5; ++i) unproven.add(asked_by(peer(i, 1)), kStart + i);
  for (unsigned i = 0; i < 3; ++i) unproven.add(asked_by(peer(50, i)), kStart + 100 + i);
  EXPECT_TRUE(unproven.add(asked_by(peer(50, 3)), kStart + 200));
  EXPECT_EQ(unproven.find(peer(50, 0), kStart + 200), nullptr);
  EXPECT_TRUE(unproven.add(asked_by(peer(60, 1)), kStart + 201));
  EXPECT_EQ(unproven.find(peer(50, 1), kStart + 201), nullptr);
  for (unsigned i = 0; i < 5; ++i) EXPECT_NE(unproven.find(peer(i, 1), kStart + 201), nullptr) << i;
  // Two are no flood.
  EXPECT_TRUE(unproven.add(asked_by(peer(61, 1)), kStart + 202));
  EXPECT_EQ(unproven.find(peer(0, 1), kStart + 202), nullptr);
}

TEST(TftpUnproven, SaysWhomToRepeatTo) {
  TftpUnproven unproven(1000, 7);
  EXPECT_EQ(unproven.next_due(), kNever);
  for (unsigned i = 0; i < 3; ++i) {
    unproven.add(asked_by(peer(1, i)), kStart + i);
    unproven.retransmit_at(kStart + 1'000 + i, peer(1, i), kStart + i);
  }
  EXPECT_EQ(unproven.next_due(), kStart + 1'000);
  EXPECT_EQ(unproven.take_due(kStart + 999), nullptr);
  unproven.forget(*unproven.find(peer(1, 0), kStart + 10));  // has acknowledged it
  unproven.add(asked_by(peer(1, 1)), kStart + 500);          // has asked again
  EXPECT_EQ(unproven.take_due(kStart + 1'001), nullptr);
  const TftpAsked* due = unproven.take_due(kStart + 1'002);
  ASSERT_NE(due, nullptr);
  EXPECT_EQ(due->peer, peer(1, 2));
  EXPECT_EQ(unproven.next_due(), kNever);
}

TEST(TftpUnproven, RetransmitsToAsManyAsWait) {
  TftpUnproven unproven(100'000, 7);
  for (unsigned i = 0; i < TftpUnproven::kMaxRetransmits + 100; ++i) {
    const io::Address from = peer(i >> 8, i & 0xff);
    unproven.add(asked_by(from), kStart);
    unproven.retransmit_at(kStart + 1'000, from, kStart);
  }
  unsigned repeated = 0;
  while (unproven.take_due(kStart + 1'000) != nullptr) ++repeated;
  EXPECT_EQ(repeated, TftpUnproven::kMaxRetransmits);
}

}  // namespace
}  // namespace anchord::service
