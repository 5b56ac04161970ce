#include "tftp_transfer.h"

#include <gtest/gtest.h>

namespace anchord::service {
namespace {

using Next = TftpTransfer::Next;
constexpr Millis kTimeout = 1000;
constexpr unsigned kRetries = 5;

Buffer content(std::size_t size) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31);
  return out;
}

std::string header_text(const TftpTransfer& transfer) {
  return std::string(as_text(transfer.header()));
}

TEST(TftpTransfer, LockStepWithoutOptions) {
  Buffer file = content(1025);
  TftpTransfer transfer;
  transfer.start(file, {}, kTimeout, kRetries);
  EXPECT_EQ(header_text(transfer), std::string("\0\3\0\1", 4));
  EXPECT_EQ(transfer.payload().size(), 512u);
  EXPECT_EQ(transfer.on_ack(1), Next::send);
  EXPECT_EQ(transfer.on_ack(2), Next::send);
  EXPECT_TRUE(transfer.at_last_block());
  EXPECT_EQ(header_text(transfer), std::string("\0\3\0\3", 4));
  EXPECT_TRUE(same_bytes(transfer.payload(), Bytes(file).subspan(1024)));
  EXPECT_EQ(transfer.on_ack(3), Next::done);
}

TEST(TftpTransfer, AFullLastBlockIsFollowedByAnEmptyOne) {
  Buffer file = content(512);
  TftpTransfer transfer;
  transfer.start(file, {}, kTimeout, kRetries);
  EXPECT_EQ(transfer.on_ack(1), Next::send);
  EXPECT_TRUE(transfer.payload().empty());
  EXPECT_EQ(transfer.on_ack(2), Next::done);
}

TEST(TftpTransfer, AnEmptyFileIsOneEmptyBlock) {
  TftpTransfer transfer;
  transfer.start({}, {}, kTimeout, kRetries);
  EXPECT_TRUE(transfer.payload().empty());
  EXPECT_EQ(transfer.on_ack(1), Next::done);
}

TEST(TftpTransfer, OptionsAreAgreedInAnOack) {
  Buffer file = content(3000);
  TftpTransfer transfer;
  transfer.start(file,
                 {.blksize = std::uint16_t{1428},
                  .timeout = std::uint8_t{3},
                  .tsize = 0,
                  .windowsize = std::uint16_t{16}},
                 kTimeout, kRetries);
  auto packet = wire::parse_tftp(transfer.header());
  ASSERT_TRUE(packet && std::holds_alternative<wire::TftpOack>(*packet));
  wire::TftpOptions right{.blksize = std::uint16_t{1428}, .timeout = std::uint8_t{3}, .tsize = 3000};
  EXPECT_EQ(std::get<wire::TftpOack>(*packet).options, right);
  EXPECT_EQ(transfer.patience(), 3000u);
  EXPECT_EQ(transfer.on_ack(0), Next::send);
  EXPECT_EQ(transfer.payload().size(), 1428u);
}

TEST(TftpTransfer, AnUnreasonableTimeoutIsNotAgreedTo) {
  TftpTransfer transfer;
  transfer.start({}, {.timeout = std::uint8_t{255}}, kTimeout, kRetries);
  EXPECT_EQ(header_text(transfer), std::string("\0\3\0\1", 4));
  EXPECT_LE(transfer.patience(), TftpTransfer::kMaxRetryTimeout);
}

TEST(TftpTransfer, OldAndFutureAcknowledgementsMoveNothing) {
  Buffer file = content(5000);
  TftpTransfer transfer;
  transfer.start(file, {}, kTimeout, kRetries);
  EXPECT_EQ(transfer.on_ack(0), Next::wait);
  EXPECT_EQ(transfer.on_ack(2), Next::wait);
  EXPECT_FALSE(transfer.acknowledged());
  EXPECT_EQ(transfer.on_ack(1), Next::send);
  EXPECT_EQ(transfer.on_ack(1), Next::wait);
  EXPECT_EQ(transfer.on_ack(65535), Next::wait);
}

TEST(TftpTransfer, OneRepetitionBeforeTheFirstAcknowledgementThenAllOfThem) {
  Buffer file = content(5000);
  TftpTransfer transfer;
  transfer.start(file, {}, kTimeout, kRetries);
  EXPECT_EQ(transfer.on_deadline(), Next::send);
  EXPECT_EQ(transfer.on_deadline(), Next::give_up);
  transfer.start(file, {}, kTimeout, kRetries);
  ASSERT_EQ(transfer.on_ack(1), Next::send);
  Millis before = transfer.patience();
  for (unsigned i = 0; i < kRetries; ++i) {
    EXPECT_EQ(transfer.on_deadline(), Next::send);
    EXPECT_GE(transfer.patience(), before);
    before = transfer.patience();
  }
  EXPECT_GT(before, kTimeout);
  EXPECT_EQ(transfer.on_deadline(), Next::give_up);
}

TEST(TftpTransfer, ProgressResetsThePatience) {
  Buffer file = content(5000);
  TftpTransfer transfer;
  transfer.start(file, {}, kTimeout, kRetries);
  transfer.on_ack(1);
  transfer.on_deadline();
  EXPECT_EQ(transfer.patience(), 2 * kTimeout);
  transfer.on_ack(2);
  EXPECT_EQ(transfer.patience(), kTimeout);
}

}  // namespace
}  // namespace anchord::service
