// How soon certificates end.
#include "anchord/crypto/expiry.h"

#include <gtest/gtest.h>

namespace anchord::crypto {
namespace {

TEST(Expiry, ComesCloserWithEachLimit) {
  constexpr UnixSeconds kEnd = 1'000 * kSecondsPerDay;
  auto with_left = [](UnixSeconds left) { return expiry_of(kEnd, kEnd - left); };
  EXPECT_EQ(with_left(90 * kSecondsPerDay), Expiry::far);
  EXPECT_EQ(with_left(90 * kSecondsPerDay - 1), Expiry::noticed);
  EXPECT_EQ(with_left(30 * kSecondsPerDay), Expiry::noticed);
  EXPECT_EQ(with_left(30 * kSecondsPerDay - 1), Expiry::soon);
  EXPECT_EQ(with_left(7 * kSecondsPerDay), Expiry::soon);
  EXPECT_EQ(with_left(7 * kSecondsPerDay - 1), Expiry::urgent);
  EXPECT_EQ(with_left(0), Expiry::urgent);
  EXPECT_EQ(with_left(-1), Expiry::ended);
}

TEST(Expiry, HasItsLimit) {
  EXPECT_EQ(days_of(Expiry::noticed), 90);
  EXPECT_EQ(days_of(Expiry::soon), 30);
  EXPECT_EQ(days_of(Expiry::urgent), 7);
}

}  // namespace
}  // namespace anchord::crypto
