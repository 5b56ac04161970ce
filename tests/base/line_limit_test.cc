#include "anchord/base/line_limit.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "line_limits.h"

namespace anchord {
namespace {

TEST(LineLimit, SaysHowManyItLeftOut) {
  LineLimit limit;
  unsigned allowed = 0;
  for (unsigned i = 0; i < 100; ++i) allowed += limit.allow(1'000 + i) ? 1 : 0;
  EXPECT_EQ(allowed, LineLimit::kLines);
  EXPECT_EQ(limit.take_left_out(30'000), 0u);
  EXPECT_EQ(limit.take_left_out(61'000), 100 - LineLimit::kLines);
  EXPECT_EQ(limit.take_left_out(61'000), 0u);
  EXPECT_TRUE(limit.allow(61'001));
  EXPECT_EQ(limit.take_left_out(200'000), 0u);
}

TEST(LineLimits, CountKindsApartAndThreadsTogether) {
  log::LineLimits limits;
  EXPECT_TRUE(limits.allow(log::Peers::guessing, 1'000));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (unsigned k = 0; k < 50; ++k) limits.allow(log::Peers::handshakes, 1'000);
    });
  for (std::thread& thread : threads) thread.join();
  // At the end whatever is left is said, though the minute is not over.
  const auto left_out = limits.take_left_out(kNever);
  EXPECT_EQ(left_out[static_cast<std::size_t>(log::Peers::handshakes)], 200 - LineLimit::kLines);
  EXPECT_EQ(left_out[static_cast<std::size_t>(log::Peers::guessing)], 0u);
  EXPECT_TRUE(limits.allow(log::Peers::handshakes, 1'001));
}

}  // namespace
}  // namespace anchord
