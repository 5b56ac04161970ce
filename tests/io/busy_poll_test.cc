#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "anchord/io/probe.h"
#include "anchord/io/uring.h"
#include "refused_napi.h"
#include "setup.h"

namespace anchord::io {
namespace {

bool is_offered() {
  return probe_kernel().value().busy_poll.has_value();
}

// What the kernel says that it polls for. It tells the old value when it is given a new one.
unsigned polled_for(RawRing& ring) {
  constexpr unsigned kRegisterNapi = 27;
  std::uint32_t settings[4] = {};
  EXPECT_EQ(syscall(__NR_io_uring_register, ring.get()->ring_fd, kRegisterNapi, settings, 1), 0);
  return settings[0];
}

TEST(BusyPoll, TheKernelKeepsWhatItIsGivenUpToTheLimit) {
  if (!is_offered()) GTEST_SKIP() << probe_kernel()->busy_poll.error().text;
  for (const unsigned micros : {1u, 50u, kMaxBusyPoll}) {
    RawRing ring;
    ASSERT_TRUE(ring.open(8));
    ASSERT_TRUE(ring.poll_queues(micros));
    EXPECT_EQ(polled_for(ring), micros);
  }
}

TEST(BusyPoll, ARingThatPollsServesAndKeepsItsDeadlines) {
  if (!is_offered()) GTEST_SKIP() << probe_kernel()->busy_poll.error().text;
  auto waker = Waker::create().value();
  auto ring = Uring::create({.entries = 8, .busy_poll = kMaxBusyPoll, .waker = waker}).value();
  const Millis deadline = monotonic_now() + 30;
  EXPECT_TRUE(ring->wait(deadline).empty());
  EXPECT_GE(ring->now(), deadline);
  ring->watch_waker(4);
  std::thread other([&] { waker.wake(); });
  const auto batch = ring->wait(kNever);
  other.join();
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch[0].tag, 4u);
}

TEST(BusyPoll, AKernelThatCannotIsAnErrorAndOnlyWhenAskedFor) {
  for (const int error : {EINVAL, EOPNOTSUPP}) {
    const bool ran = with_refused_napi(error, [&] {
      auto waker = Waker::create().value();
      auto refused = Uring::create({.entries = 8, .busy_poll = 50, .waker = waker});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().text, explain_busy_poll_error(error));
      EXPECT_TRUE(Uring::create({.entries = 8, .waker = waker}));
      auto support = probe_kernel();
      ASSERT_TRUE(support) << support.error().text;
      ASSERT_FALSE(support->busy_poll);
      EXPECT_EQ(support->busy_poll.error().text, explain_busy_poll_error(error));
    });
    if (!ran) GTEST_SKIP() << "no seccomp filter can be set";
  }
}

TEST(BusyPoll, EachErrorIsOneLineThatNamesWhatIsMissingAndTheFlag) {
  const std::pair<int, const char*> expected[] = {{EINVAL, "Linux 6.9 or newer is needed"},
                                                  {EOPNOTSUPP, "CONFIG_NET_RX_BUSY_POLL"},
                                                  {EPERM, "cannot poll network queues: "}};
  for (const auto& [error, words] : expected) {
    const std::string text = explain_busy_poll_error(error);
    EXPECT_NE(text.find(words), std::string::npos) << text;
    EXPECT_NE(text.find("--busy-poll"), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace anchord::io
