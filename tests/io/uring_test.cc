#include "anchord/io/uring.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "anchord/io/probe.h"
#include "uring_fixture.h"

namespace anchord::io {
namespace {

TEST_F(UringTest, AcceptsOneAfterTheOther) {
  auto listener = listen_tcp(loopback(0), 16).value();
  const Address at = local_address(listener.get());
  std::vector<FileDescriptor> clients;
  for (int i = 0; i < 5; ++i) {
    ring_->accept(listener.get(), 1);
    clients.push_back(client(at, SOCK_STREAM));
    auto accepted = next(1).value();
    ASSERT_GE(accepted.result, 0);
    EXPECT_FALSE(accepted.more);
    EXPECT_EQ(ring_->peer(accepted), local_address(clients.back().get()));
    ring_->close(accepted.result);
    EXPECT_TRUE(ring_->wait(0).empty());
    EXPECT_EQ(take(clients.back()), "");
  }
}

TEST_F(UringTest, KnowsWhoHasLeftBeforeItWasAccepted) {
  auto listener = listen_tcp(loopback(0), 16).value();
  FileDescriptor gone = client(local_address(listener.get()), SOCK_STREAM);
  const Address was = local_address(gone.get());
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(setsockopt(gone.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  gone.reset();
  ring_->accept(listener.get(), 1);
  const Completion accepted = next(1).value();
  ASSERT_GE(accepted.result, 0);
  EXPECT_EQ(ring_->peer(accepted), was);
  ring_->close(accepted.result);
}

TEST_F(UringTest, ConnectsAndSaysWhenAndWhyNot) {
  auto listener = listen_tcp(loopback(0), 16).value();
  const Address at = local_address(listener.get());
  const FileDescriptor first(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ring_->connect(first.get(), at, 1);
  EXPECT_EQ(next(1).value().result, 0);
  listener.reset();
  const FileDescriptor second(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ring_->connect(second.get(), at, 1);
  EXPECT_EQ(next(1).value().result, -ECONNREFUSED);
}

TEST_F(UringTest, CancelEndsAConnectThatNobodyAnswers) {
  auto listener = listen_tcp(loopback(0), 1).value();
  ring_->set_backlog(listener.get(), 0);
  const Address at = local_address(listener.get());
  std::vector<FileDescriptor> sockets;
  for (std::uint64_t i = 1; i <= 4; ++i) {  // more than the backlog takes
    sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ring_->connect(sockets.back().get(), at, i);
  }
  EXPECT_EQ(next(1).value().result, 0);
  ring_->cancel(4);
  EXPECT_EQ(next(4).value().result, -ECANCELED);
}

TEST_F(UringTest, ReceivesIntoBuffersUntilTheEnd) {
  auto [ours, other] = connection();
  ring_->receive(ours, 2);
  put(other, "hello");
  auto got = next(2).value();
  ASSERT_EQ(got.result, 5);
  EXPECT_TRUE(got.more);
  ASSERT_TRUE(got.has_buffer);
  EXPECT_EQ(text(got), "hello");
  ring_->recycle(Group::tcp, got.buffer);
  ::shutdown(other.get(), SHUT_WR);
  got = next(2).value();
  EXPECT_EQ(got.result, 0);
  EXPECT_FALSE(got.more);
}

TEST_F(UringTest, EndsWithNoBuffersAndGoesOnWhenArmedAgain) {
  auto [ours, other] = connection();
  std::string sent;
  for (int i = 0; i < 1000; ++i) sent += static_cast<char>('a' + i % 26);
  put(other, sent);
  ring_->receive(ours, 2);
  std::vector<std::uint16_t> held;
  std::string got;
  Completion c = next(2).value();
  for (; c.result > 0; c = next(2).value()) {
    got += text(c);
    held.push_back(c.buffer);
  }
  EXPECT_EQ(c.result, -ENOBUFS);
  EXPECT_FALSE(c.more);
  EXPECT_FALSE(c.has_buffer);
  ASSERT_EQ(held.size(), 4u);
  while (got.size() < sent.size()) {
    for (const std::uint16_t id : held) ring_->recycle(Group::tcp, id);
    held.clear();
    ring_->receive(ours, 2);
    for (c = next(2).value(); c.result > 0; c = next(2).value()) {
      got += text(c);
      held.push_back(c.buffer);
      if (got.size() == sent.size()) break;
    }
  }
  EXPECT_EQ(got, sent);
}

TEST_F(UringTest, SendsAndReportsWhatWasTaken) {
  auto [ours, other] = connection();
  ring_->send(ours, as_bytes("answer"), 3);
  const auto done = next(3).value();
  EXPECT_EQ(done.result, 6);
  EXPECT_FALSE(done.more);
  EXPECT_EQ(take(other), "answer");
}

TEST_F(UringTest, SendsPiecesAsOneAndTakesPartOfThem) {
  auto [ours, other] = connection();
  IovecList pieces;
  pieces.set(std::array{as_bytes("head "), Bytes(), as_bytes("content")});
  ring_->send_iovecs(ours, pieces, 3);
  EXPECT_EQ(next(3).value().result, 12);
  EXPECT_EQ(take(other), "head content");

  const Buffer much(8 << 20, 'x');  // more than a socket takes at once
  std::size_t sent = 0;
  std::size_t taken = 0;
  while (sent < much.size()) {
    pieces.set(std::array{Bytes(much).subspan(sent, 1), Bytes(much).subspan(sent + 1)});
    ring_->send_iovecs(ours, pieces, 3);
    const int result = next(3).value().result;
    ASSERT_GT(result, 0);
    sent += static_cast<std::size_t>(result);
    while (taken < sent) taken += take(other).size();
  }
  EXPECT_EQ(taken, much.size());
}

TEST_F(UringTest, AListenerThatIsShutDownRefuses) {
  auto listener = listen_tcp(loopback(0), 16).value();
  const Address at = local_address(listener.get());
  ring_->accept(listener.get(), 1);
  EXPECT_TRUE(ring_->wait(monotonic_now()).empty());
  ring_->shutdown(listener.get());
  const auto ended = next(1).value();
  EXPECT_LT(ended.result, 0);
  EXPECT_FALSE(ended.more);
  FileDescriptor late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage name;
  const socklen_t length = to_kernel(at, true, name);
  EXPECT_EQ(::connect(late.get(), reinterpret_cast<sockaddr*>(&name), length), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(UringTest, ASendToAClosedPeerIsAnErrorAndNoSignal) {
  auto [ours, other] = connection();
  other.reset();
  Completion done;
  for (int i = 0; i < 100 && done.result >= 0; ++i) {
    ring_->send(ours, as_bytes("x"), 3);
    done = next(3).value();
  }
  EXPECT_TRUE(done.result == -EPIPE || done.result == -ECONNRESET) << done.result;
}

TEST_F(UringTest, CancelEndsAnOperationAndMissesWhatIsNotThere) {
  auto [ours, other] = connection();
  ring_->receive(ours, 2);
  ring_->cancel(2);
  auto ended = next(2).value();
  EXPECT_EQ(ended.result, -ECANCELED);
  EXPECT_FALSE(ended.more);
  ring_->cancel(77);
  EXPECT_TRUE(ring_->wait(monotonic_now()).empty());
}

TEST_F(UringTest, CancelEndsASendThatNobodyReads) {
  auto [ours, other] = connection();
  const Buffer much(1 << 20, 'x');
  Completion done;
  do {  // until the peer's window and our buffer are full
    ring_->send(ours, much, 3);
    ring_->cancel(3);
    done = next(3).value();
  } while (done.result > 0);
  EXPECT_EQ(done.result, -ECANCELED);
}

TEST_F(UringTest, ShutdownEndsWhatIsInFlightAndTellsThePeer) {
  auto [ours, other] = connection();
  ring_->receive(ours, 2);
  EXPECT_TRUE(ring_->wait(monotonic_now()).empty());
  ring_->shutdown(ours);
  const auto ended = next(2).value();
  EXPECT_EQ(ended.result, 0);
  EXPECT_FALSE(ended.more);
  EXPECT_EQ(take(other), "");
  ring_->close(ours);
}

// The kernel has it, and that is not the peer's acknowledgement.
TEST_F(UringTest, WhatThePeerHasNotTakenIsNotAcknowledged) {
  auto [ours, other] = connection();
  const Buffer much(1 << 20, 'x');
  std::size_t sent = 0;
  Completion done;
  do {  // until the peer's window and our buffer are full
    ring_->send(ours, much, 3);
    ring_->cancel(3);
    done = next(3).value();
    if (done.result > 0) sent += static_cast<std::size_t>(done.result);
  } while (done.result > 0);
  EXPECT_GT(ring_->unacknowledged(ours), 0u);
  EXPECT_LT(ring_->unacknowledged(ours), sent);
  for (std::size_t taken = 0; taken < sent;) taken += take(other).size();
  while (ring_->unacknowledged(ours) > 0) ring_->wait(monotonic_now() + 1);
  ring_->close(ours);
}

TEST_F(UringTest, FinishEndsOneDirectionAndCountsUntilItIsAcknowledged) {
  auto [ours, other] = connection();
  ring_->send(ours, as_bytes("last"), 3);
  EXPECT_EQ(next(3).value().result, 4);
  ring_->finish(ours);
  EXPECT_EQ(take(other), "last");
  EXPECT_EQ(take(other), "");
  while (ring_->unacknowledged(ours) > 0) ring_->wait(monotonic_now() + 1);
  ASSERT_EQ(::send(other.get(), "more", 4, 0), 4);
  ring_->receive(ours, 2);
  const Completion more = next(2).value();
  EXPECT_EQ(more.result, 4);
  ring_->recycle(Group::tcp, more.buffer);
  // What is lost with the peer stays unacknowledged.
  ring_->shutdown(ours);
  EXPECT_EQ(next(2).value().result, 0);
  ring_->close(ours);
}

TEST_F(UringTest, ASendThenShutdownThenCloseInOneTickDeliversTheBytes) {
  for (int i = 0; i < 20; ++i) {
    auto [ours, other] = connection();
    ring_->send(ours, as_bytes("last words"), 3);
    ring_->shutdown(ours);
    EXPECT_EQ(next(3).value().result, 10);
    ring_->shutdown(ours);
    ring_->close(ours);
    EXPECT_EQ(take(other), "last words");
    EXPECT_TRUE(ring_->wait(monotonic_now()).empty());
    EXPECT_EQ(take(other), "");
  }
}

TEST_F(UringTest, WakesFromAnotherThreadAgainAndAgain) {
  ring_->watch_waker(4);
  for (int i = 0; i < 3; ++i) {
    std::thread other([&] { waker_.wake(); });
    EXPECT_TRUE(next(4).value().more);
    other.join();
    EXPECT_TRUE(ring_->wait(monotonic_now()).empty()) << "one wake, one completion";
  }
}

TEST_F(UringTest, AWakeThatWasSeenIsOver) {
  ring_->watch_waker(4);
  waker_.wake();
  EXPECT_TRUE(next(4));
  ring_->cancel(4);
  EXPECT_FALSE(next(4).value().more);
  ring_->watch_waker(5);
  EXPECT_TRUE(ring_->wait(0).empty());
}

TEST_F(UringTest, SeesAWakeFromBeforeItWatched) {
  waker_.wake();
  ring_->watch_waker(4);
  EXPECT_TRUE(next(4));
}

TEST_F(UringTest, WaitReturnsEmptyAtItsDeadlineAndNotBefore) {
  const Millis deadline = monotonic_now() + 30;
  EXPECT_TRUE(ring_->wait(deadline).empty());
  EXPECT_GE(ring_->now(), deadline);
  EXPECT_GE(monotonic_now(), ring_->now());
  EXPECT_TRUE(ring_->wait(0).empty());
}

TEST_F(UringTest, AWaitOfLessThanAMillisecondIsNotRoundedDown) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now().time_since_epoch() + std::chrono::microseconds(700);
  EXPECT_TRUE(ring_->wait_until(deadline).empty());
  EXPECT_GE(Clock::now().time_since_epoch(), deadline);
  EXPECT_TRUE(ring_->wait_until(std::chrono::nanoseconds(0)).empty());
  ring_->watch_waker(4);
  waker_.wake();
  EXPECT_EQ(ring_->wait_until(deadline + std::chrono::hours(1)).size(), 1u);
}

TEST_F(UringTest, AWaitWithoutLimitEndsWithACompletion) {
  ring_->watch_waker(4);
  std::thread other([&] { waker_.wake(); });
  EXPECT_EQ(ring_->wait(kNever).size(), 1u);
  other.join();
}

TEST_F(UringTest, TakesMoreOperationsThanItsQueueHolds) {
  auto [ours, other] = connection();
  constexpr std::uint64_t kFirst = 100;
  constexpr int kCount = 100;  // the queue holds 8
  for (int i = 0; i < kCount; ++i) ring_->send(ours, as_bytes("x"), kFirst + static_cast<std::uint64_t>(i));
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(next(kFirst + static_cast<std::uint64_t>(i)).value().result, 1);
  }
  std::string got;
  while (got.size() < kCount) got += take(other);
  EXPECT_EQ(got, std::string(kCount, 'x'));
}

TEST_F(UringTest, ABatchIsBoundedAndTheRestComesNext) {
  auto [ours, other] = connection();
  constexpr int kCount = 40;  // more than a batch, more than the queue of completions
  for (int i = 0; i < kCount; ++i) ring_->send(ours, as_bytes("x"), 100 + static_cast<std::uint64_t>(i));
  int seen = 0;
  while (seen < kCount) {
    const auto batch = ring_->wait(monotonic_now() + time_bound());
    ASSERT_FALSE(batch.empty());
    EXPECT_LE(batch.size(), 16u);
    seen += static_cast<int>(batch.size());
  }
  EXPECT_EQ(seen, kCount);
}

TEST_F(UringTest, Ipv6AndDualStack) {
  if (!have_ipv6()) GTEST_SKIP() << "no IPv6 on this machine";
  auto six = listen_tcp({.host = parse_host("::1").value()}, 16).value();
  ring_->accept(six.get(), 4);
  auto six_client = client(local_address(six.get()), SOCK_STREAM);
  EXPECT_EQ(ring_->peer(next(4).value()), local_address(six_client.get()));

  auto any = listen_tcp({.host = parse_host("::").value()}, 16).value();
  ring_->accept(any.get(), 5);
  auto four = client(loopback(local_address(any.get()).port), SOCK_STREAM);
  EXPECT_EQ(ring_->peer(next(5).value()), local_address(four.get()));
}

TEST(UringSetup, TooFewDescriptorsIsOneLineWithARemedy) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  auto waker = Waker::create().value();
  const rlimit none{.rlim_cur = static_cast<rlim_t>(waker.descriptor()) + 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  auto made = Uring::create({.waker = waker});
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text, explain_setup_error(EMFILE));
}

TEST(UringSetup, EachErrorIsOneLineThatNamesARemedy) {
  const std::pair<int, const char*> expected[] = {{ENOSYS, "Linux 6.1 or newer is needed"},
                                                  {EINVAL, "Linux 6.1 or newer is needed"},
                                                  {EPERM, "io_uring is switched off"},
                                                  {ENOMEM, "LimitMEMLOCK="},
                                                  {EMFILE, "LimitNOFILE="},
                                                  {ENFILE, "fs.file-max"},
                                                  {EIO, "cannot set up io_uring: "}};
  for (const auto& [error, words] : expected) {
    const std::string text = explain_setup_error(error);
    EXPECT_NE(text.find(words), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST(Probe, FindsWhatItNeedsAndLeavesNothingBehind) {
  const int before = dup(0);
  ::close(before);
  auto support = probe_kernel();
  ASSERT_TRUE(support) << support.error().text;
  EXPECT_FALSE(support->release.empty());
  EXPECT_FALSE(support->lines.empty());
  const int after = dup(0);
  ::close(after);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace anchord::io
