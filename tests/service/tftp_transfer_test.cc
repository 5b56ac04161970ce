#include "tftp/tftp_transfer.h"

#include <gtest/gtest.h>

#include <vector>

namespace anchord::service {
namespace {

using Next = TftpTransfer::Next;
using Blocks = std::vector<std::uint64_t>;
constexpr Millis kTransferStart = 100'000;
constexpr Millis kTimeout = 1000;
constexpr unsigned kRetries = 5;
constexpr Millis kSoon = TftpTransfer::kClockTick;

Buffer pattern(std::size_t size) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
  return out;
}

index::FileBody body_of(std::size_t header, std::size_t content) {
  Buffer all = pattern(header + content);
  auto middle = all.begin() + static_cast<std::ptrdiff_t>(header);
  return {.header = index::Blob(Buffer(all.begin(), middle)),
          .content = index::Blob(Buffer(middle, all.end()))};
}

// A transfer, its file, and its clock.
struct Scene {
  explicit Scene(index::FileBody file, wire::TftpOptions options = {}, bool text = false)
      : body(std::move(file)) {
    transfer.start(body, {.text = text, .options = options, .retry_timeout = kTimeout, .retries = kRetries},
                   now);
  }
  Scene(std::size_t size, wire::TftpOptions options = {}) : Scene(body_of(0, size), options) {}

  Next ack(std::uint64_t block) { return transfer.on_ack(static_cast<std::uint16_t>(block), now); }
  Next deadline() {
    now = transfer.deadline();
    return transfer.on_deadline(now);
  }
  Blocks outstanding() const {
    Blocks out;
    for (std::uint64_t block = transfer.first(); block <= transfer.last(); ++block) out.push_back(block);
    return out;
  }
  Buffer block(std::uint64_t number) const {
    Buffer out;
    for (Bytes part : transfer.octets(number)) out.insert(out.end(), part.begin(), part.end());
    return out;
  }

  index::FileBody body;
  TftpTransfer transfer;
  Millis now = kTransferStart;
};

wire::TftpOptions window(std::uint16_t blocks, std::uint16_t size = 512) {
  return {.blksize = size, .windowsize = blocks};
}

TEST(TftpTransfer, LockStepWithoutOptions) {
  Scene s(1025);
  EXPECT_FALSE(s.transfer.oack_pending());
  EXPECT_EQ(s.outstanding(), Blocks{1});
  EXPECT_EQ(s.ack(1), Next::send);
  EXPECT_EQ(s.ack(2), Next::send);
  EXPECT_TRUE(s.transfer.at_last_block());
  EXPECT_EQ(s.outstanding(), Blocks{3});
  EXPECT_EQ(s.block(3), Buffer{pattern(1025)[1024]});
  EXPECT_EQ(s.ack(3), Next::done);
  EXPECT_EQ(s.transfer.delivered(), 1025u);
}

TEST(TftpTransfer, AFullLastBlockIsFollowedByAnEmptyOne) {
  Scene s(512);
  EXPECT_EQ(s.ack(1), Next::send);
  EXPECT_TRUE(s.block(2).empty());
  EXPECT_EQ(s.ack(2), Next::done);
}

TEST(TftpTransfer, AnEmptyFileIsOneEmptyBlock) {
  Scene s(0);
  EXPECT_TRUE(s.block(1).empty());
  EXPECT_EQ(s.ack(1), Next::done);
}

TEST(TftpTransfer, BlocksReachAcrossHeaderAndContent) {
  for (std::size_t header : {0u, 1u, 511u, 512u, 513u, 1500u}) {
    Scene s(body_of(header, 1600), window(8));
    ASSERT_EQ(s.ack(0), Next::send);
    Buffer all;
    for (std::uint64_t block : s.outstanding()) {
      Buffer one = s.block(block);
      all.insert(all.end(), one.begin(), one.end());
    }
    EXPECT_EQ(all, pattern(header + 1600)) << header;
  }
}

TEST(TftpTransfer, OptionsAreNegotiatedByAnOack) {
  Scene s(3000, {.blksize = std::uint16_t{1428},
                 .timeout = std::uint8_t{3},
                 .tsize = 0,
                 .windowsize = std::uint16_t{16}});
  ASSERT_TRUE(s.transfer.oack_pending());
  wire::TftpOptions right{.blksize = std::uint16_t{1428},
                          .timeout = std::uint8_t{3},
                          .tsize = 3000,
                          .windowsize = std::uint16_t{16}};
  EXPECT_EQ(s.transfer.oack(), right);
  EXPECT_EQ(s.transfer.deadline(), kTransferStart + 3000);
  EXPECT_EQ(s.ack(1), Next::wait);
  EXPECT_TRUE(s.transfer.oack_pending());
  EXPECT_EQ(s.ack(0), Next::send);
  EXPECT_EQ(s.outstanding(), (Blocks{1, 2, 3}));
  EXPECT_EQ(s.ack(3), Next::done);
}

TEST(TftpTransfer, OnlyRequestedOptionsAreAcknowledged) {
  EXPECT_EQ(Scene(3000, {.tsize = 7}).transfer.oack(), wire::TftpOptions{.tsize = 3000});
  EXPECT_EQ(Scene(3000, {.windowsize = std::uint16_t{1}}).transfer.oack(),
            wire::TftpOptions{.windowsize = std::uint16_t{1}});
}

TEST(TftpTransfer, WindowsHaveALimitInBlocksAndInBytes) {
  EXPECT_EQ(Scene(1, window(65535, 8)).transfer.oack().windowsize, TftpTransfer::kMaxWindow);
  for (std::uint16_t size : {512, 1428, 8192, 65464}) {
    auto oack = Scene(1, window(65535, size)).transfer.oack();
    EXPECT_EQ(oack.blksize, size);
    EXPECT_GE(oack.windowsize, 1);
    EXPECT_LE(*oack.windowsize * (size + 4u), TftpTransfer::kMaxWindowBytes) << size;
  }
}

TEST(TftpTransfer, AnUnreasonableTimeoutIsNotAcknowledged) {
  Scene s(0, {.timeout = std::uint8_t{255}});
  EXPECT_FALSE(s.transfer.oack_pending());
  EXPECT_LE(s.transfer.deadline(), kTransferStart + TftpTransfer::kMaxRetryTimeout);
}

TEST(TftpTransfer, OldAndFutureAcknowledgementsMoveNothing) {
  Scene s(5000);
  EXPECT_EQ(s.ack(0), Next::wait);
  EXPECT_EQ(s.ack(2), Next::wait);
  EXPECT_FALSE(s.transfer.acknowledged());
  EXPECT_EQ(s.ack(1), Next::send);
  EXPECT_EQ(s.ack(1), Next::wait);
  EXPECT_EQ(s.ack(65535), Next::wait);
}

TEST(TftpTransfer, InLockStepADuplicateNeverCausesARetransmit) {
  Scene s(5000);
  ASSERT_EQ(s.ack(1), Next::send);
  Millis deadline = s.transfer.deadline();
  for (s.now += 10; s.now < deadline; s.now += 10) ASSERT_EQ(s.ack(1), Next::wait);
  EXPECT_EQ(s.transfer.deadline(), deadline);
}

TEST(TftpTransfer, OneRepetitionBeforeTheFirstAcknowledgementThenAllOfThem) {
  for (wire::TftpOptions options : {wire::TftpOptions{}, window(16)}) {
    Scene s(50'000, options);
    EXPECT_EQ(s.deadline(), Next::retransmit);
    EXPECT_EQ(s.deadline(), Next::give_up);
  }
  Scene s(50'000, window(4));
  ASSERT_EQ(s.ack(0), Next::send);
  Millis before = 0;
  for (unsigned i = 0; i < kRetries; ++i) {
    ASSERT_EQ(s.deadline(), Next::retransmit);
    EXPECT_EQ(s.outstanding(), (Blocks{1, 2, 3, 4}));
    Millis timeout = s.transfer.deadline() - s.now;
    EXPECT_GT(timeout, before);
    EXPECT_LE(timeout, TftpTransfer::kMaxRetryTimeout);
    before = std::min(timeout, TftpTransfer::kMaxRetryTimeout - 1);
  }
  EXPECT_EQ(s.deadline(), Next::give_up);
}

TEST(TftpTransfer, NothingHappensBeforeTheDeadline) {
  Scene s(5000);
  EXPECT_EQ(s.transfer.on_deadline(s.transfer.deadline() - 1), Next::wait);
  EXPECT_EQ(s.deadline(), Next::retransmit);
}

TEST(TftpTransfer, ProgressResetsTheTimeout) {
  Scene s(5000);
  s.ack(1);
  s.deadline();
  EXPECT_EQ(s.transfer.deadline(), s.now + 2 * kTimeout);
  s.ack(2);
  EXPECT_EQ(s.transfer.deadline(), s.now + kTimeout);
}

TEST(TftpTransfer, WindowsFollowOneAnother) {
  Scene s(512 * 10 + 1, window(4));
  ASSERT_EQ(s.ack(0), Next::send);
  EXPECT_EQ(s.outstanding(), (Blocks{1, 2, 3, 4}));
  EXPECT_EQ(s.ack(4), Next::send);
  EXPECT_EQ(s.outstanding(), (Blocks{5, 6, 7, 8}));
  EXPECT_FALSE(s.transfer.at_last_block());
  EXPECT_EQ(s.ack(8), Next::send);
  EXPECT_EQ(s.outstanding(), (Blocks{9, 10, 11}));
  EXPECT_TRUE(s.transfer.at_last_block());
  EXPECT_EQ(s.ack(11), Next::done);
}

TEST(TftpTransfer, AnAcknowledgementInsideTheWindowGoesOnFromThere) {
  Scene s(512 * 100, window(8));
  s.ack(0);
  s.now += 5;
  EXPECT_EQ(s.ack(3), Next::retransmit);
  EXPECT_EQ(s.outstanding(), (Blocks{4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(s.ack(12), Next::wait);  // was never sent
}

// A client that acknowledges each block must not get each of them eight times.
TEST(TftpTransfer, RestartsKeepToTheRoundTrip) {
  constexpr Millis kRoundTrip = 20;
  Scene s(512 * 100, window(8));
  s.now += kRoundTrip;
  s.ack(0);
  s.now += kRoundTrip;
  ASSERT_EQ(s.ack(1), Next::retransmit);
  EXPECT_EQ(s.ack(2), Next::wait);
  EXPECT_EQ(s.ack(3), Next::wait);
  EXPECT_EQ(s.transfer.deadline(), s.now + kRoundTrip + kSoon);
  EXPECT_EQ(s.deadline(), Next::retransmit);
  EXPECT_EQ(s.outstanding().front(), 4u);
  EXPECT_EQ(s.transfer.deadline(), s.now + kTimeout);  // no back-off: nothing timed out
  EXPECT_EQ(s.ack(11), Next::send);
}

TEST(TftpTransfer, ADuplicateInAWindowRetransmitsItOnceAndNotBeforeTheRoundTrip) {
  constexpr Millis kRoundTrip = 20;
  Scene s(512 * 100, window(4));
  s.now += kRoundTrip;
  s.ack(0);
  s.now += kRoundTrip;
  ASSERT_EQ(s.ack(4), Next::send);
  EXPECT_EQ(s.ack(4), Next::wait);  // the network doubled it
  EXPECT_EQ(s.transfer.deadline(), s.now + kRoundTrip + kSoon);
  EXPECT_EQ(s.ack(8), Next::send);  // so it was nothing
  EXPECT_EQ(s.transfer.deadline(), s.now + kTimeout);

  s.now += kRoundTrip + kSoon;
  EXPECT_EQ(s.ack(8), Next::retransmit);  // the first block was lost
  EXPECT_EQ(s.outstanding(), (Blocks{9, 10, 11, 12}));
  Millis deadline = s.transfer.deadline();
  for (s.now += 1; s.now < deadline; s.now += 50) ASSERT_EQ(s.ack(8), Next::wait);
  EXPECT_EQ(s.transfer.deadline(), deadline);
}

TEST(TftpTransfer, AnApprenticeDoesNotDoubleTheWindows) {
  // Every acknowledgement comes twice; nothing is sent twice.
  Scene s(512 * 1000, window(4));
  s.ack(0);
  for (std::uint64_t block = 4; block <= 1000; block += 4) {
    s.now += 3;
    ASSERT_EQ(s.ack(block), Next::send);
    ASSERT_EQ(s.ack(block), Next::wait);
    ASSERT_EQ(s.transfer.on_deadline(s.now + 1), Next::wait);
  }
}

TEST(TftpTransfer, NumbersWrapInAndBetweenWindows) {
  for (std::uint16_t blocks : {1, 3, 64}) {
    Scene s(8 * 140'000, window(blocks, 8));
    ASSERT_EQ(s.ack(0), Next::send);
    Buffer file = pattern(8 * 140'000);
    Next next = Next::send;
    unsigned steps = 0;
    while (next == Next::send) {
      for (std::uint64_t block : s.outstanding()) {
        Bytes right = Bytes(file).subspan(std::min((block - 1) * 8, file.size()));
        ASSERT_TRUE(same_bytes(s.block(block), right.first(std::min<std::size_t>(8, right.size()))));
      }
      ASSERT_LE(s.outstanding().size(), blocks);
      // Old ones, half the numbers away and just behind, move nothing.
      ASSERT_EQ(s.ack(s.transfer.last() + 0x8000), Next::wait);
      if (s.transfer.first() > 1) {
        ASSERT_EQ(s.ack(s.transfer.first() - 2), Next::wait);
      }
      next = s.ack(s.transfer.last());
      ++steps;
    }
    EXPECT_EQ(next, Next::done);
    EXPECT_EQ(steps, (140'001u + blocks - 1) / blocks);
    EXPECT_EQ(s.transfer.delivered(), 8u * 140'000);
  }
}

TEST(TftpTransfer, AcknowledgedAcrossTheWrap) {
  Scene s(8 * 70'000, window(50, 8));
  s.ack(0);
  while (s.transfer.last() < 65'540) ASSERT_EQ(s.ack(s.transfer.last()), Next::send);
  ASSERT_LT(s.transfer.first(), 65'536u);
  s.now += 10;
  EXPECT_EQ(s.ack(65'537), Next::retransmit);
  EXPECT_EQ(s.transfer.first(), 65'538u);
}

TEST(TftpTransfer, WhatDidNotLeaveIsSentAgainSoonButNotForEver) {
  Scene s(5000);
  s.ack(1);
  for (unsigned i = 0; i < TftpTransfer::kMaxSendErrors; ++i) {
    s.transfer.on_send_error(s.now);
    EXPECT_EQ(s.transfer.deadline(), s.now + TftpTransfer::kSendErrorPause);
    EXPECT_EQ(s.deadline(), Next::retransmit);
  }
  s.transfer.on_send_error(s.now);
  EXPECT_EQ(s.transfer.deadline(), s.now + kTimeout);
  // Progress forgives.
  s.ack(2);
  s.transfer.on_send_error(s.now);
  EXPECT_EQ(s.transfer.deadline(), s.now + TftpTransfer::kSendErrorPause);
}

// Blocks of 8 bytes, each acknowledged before it would be repeated.
TEST(TftpTransfer, WhoTakesTooLittleInAllIsGivenUp) {
  Scene s(100'000, {.blksize = std::uint16_t{8}});
  ASSERT_EQ(s.ack(0), Next::send);
  Next next = Next::send;
  std::uint64_t block = 1;
  for (; next == Next::send; ++block) {
    s.now += kTimeout - 1;
    next = s.ack(block);
  }
  EXPECT_EQ(next, Next::too_slow);
  EXPECT_LT(s.now - kTransferStart, TftpTransfer::kPaceTime + kTimeout);
}

TEST(TftpTransfer, RetransmitsWithoutEndAreGivenUpToo) {
  Scene s(100'000);
  s.transfer.start(s.body, {.retry_timeout = kTimeout, .retries = 1000}, s.now);
  ASSERT_EQ(s.ack(1), Next::send);
  Next next = Next::retransmit;
  while (next == Next::retransmit) next = s.deadline();
  EXPECT_EQ(next, Next::too_slow);
}

// A block of 512 bytes every four seconds, however large the file: and what is left of it at the end.
TEST(TftpTransfer, ASlowPhoneGetsItsFileWhole) {
  Scene s(512 * 1000 + 1, {.timeout = std::uint8_t{5}});
  ASSERT_EQ(s.ack(0), Next::send);
  Next next = Next::send;
  for (std::uint64_t block = 1; next == Next::send; ++block) {
    s.now += 4'000;
    next = s.ack(block);
  }
  EXPECT_EQ(next, Next::done);
}

Buffer translated(std::string_view file, std::uint16_t block_size, std::uint16_t blocks) {
  index::FileBody body{.header = index::Blob(to_buffer(as_bytes(file.substr(0, file.size() / 3)))),
                       .content = index::Blob(to_buffer(as_bytes(file.substr(file.size() / 3))))};
  Scene s(std::move(body), window(blocks, block_size), true);
  Buffer out;
  Next next = s.ack(0);
  for (unsigned round = 0; next == Next::send || next == Next::retransmit; ++round) {
    NetasciiReader reader = s.transfer.text();
    std::vector<Buffer> sent;
    for (std::uint64_t block : s.outstanding()) {
      Buffer one(block_size);
      one.resize(reader.read(one));
      EXPECT_TRUE(one.size() == block_size || (block == s.transfer.last() && s.transfer.at_last_block()));
      sent.push_back(one);
    }
    // Now and then only a part of the window arrives.
    s.now += 10;
    std::size_t arrived = round % 3 == 1 ? (sent.size() + 1) / 2 : sent.size();
    for (std::size_t i = 0; i < arrived; ++i) out.insert(out.end(), sent[i].begin(), sent[i].end());
    next = s.ack(s.transfer.first() - 1 + arrived);
  }
  EXPECT_EQ(next, Next::done);
  EXPECT_EQ(s.transfer.delivered(), file.size());
  return out;
}

TEST(TftpTransfer, NetasciiGoesOnFromAnyBlock) {
  std::string file;
  std::string right;
  for (int i = 0; i < 3000; ++i) {
    char c = i % 7 == 0 ? '\n' : i % 11 == 0 ? '\r' : static_cast<char>('a' + i % 26);
    file += c;
    right += c == '\n' ? std::string("\r\n") : c == '\r' ? std::string("\r\0", 2) : std::string(1, c);
  }
  for (std::uint16_t size : {8, 9, 100, 512, 1468})
    for (std::uint16_t blocks : {1, 2, 5, 64})
      EXPECT_EQ(as_text(translated(file, size, blocks)), right) << size << " " << blocks;
}

TEST(TftpTransfer, NetasciiAtTheEdges) {
  EXPECT_EQ(as_text(translated("", 8, 1)), "");
  EXPECT_EQ(as_text(translated("1234567\n", 8, 2)), "1234567\r\n");  // ends between CR and LF
  EXPECT_EQ(as_text(translated("123456\n", 8, 1)), "123456\r\n");    // full: an empty one follows
  EXPECT_EQ(as_text(translated("\n\n\n\n", 8, 4)), "\r\n\r\n\r\n\r\n");
}

TEST(TftpTransfer, NetasciiNegotiatesSmallBlocksAndNoSize) {
  Scene s(body_of(0, 10), {.blksize = std::uint16_t{8192}, .tsize = 0}, true);
  EXPECT_EQ(s.transfer.oack(), wire::TftpOptions{.blksize = TftpTransfer::kMaxTextBlock});
}

}  // namespace
}  // namespace anchord::service
