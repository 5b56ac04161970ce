#include "limits/token_buckets.h"

#include <gtest/gtest.h>

#include "limits/sip_hash.h"

namespace anchord::service {
namespace {

io::Address source(unsigned number) {
  io::Host host = io::parse_host("10.0.0.0").value();
  host.bytes[13] = static_cast<std::uint8_t>(number >> 16);
  host.bytes[14] = static_cast<std::uint8_t>(number >> 8);
  host.bytes[15] = static_cast<std::uint8_t>(number);
  return source_of(host);
}

TEST(TokenBuckets, EndsAndComesBackWithTime) {
  TokenBuckets buckets({.burst = 3, .per_second = 2}, 7);
  Millis now = 5000;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(buckets.take(source(1), now));
  EXPECT_FALSE(buckets.take(source(1), now));
  EXPECT_TRUE(buckets.take(source(2), now));  // another's is its own
  now += 499;
  EXPECT_FALSE(buckets.take(source(1), now));
  now += 1;
  EXPECT_TRUE(buckets.take(source(1), now));
  EXPECT_FALSE(buckets.take(source(1), now));
  // Never more than the burst, and no overflow after the longest pause.
  now = kNever / 2;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(buckets.take(source(1), now));
  EXPECT_FALSE(buckets.take(source(1), now));
}

TEST(TokenBuckets, RefusalsDoNotKeepABucketEmpty) {
  TokenBuckets buckets({.burst = 1, .per_second = 1}, 7);
  EXPECT_TRUE(buckets.take(source(1), 0));
  unsigned taken = 0;
  for (Millis now = 1; now <= 10'000; ++now) taken += buckets.take(source(1), now) ? 1 : 0;
  EXPECT_EQ(taken, 10u);
}

TEST(TokenBuckets, WhatIsGivenBackCanBeTakenAgain) {
  TokenBuckets buckets({.burst = 2, .per_second = 0}, 7);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(buckets.take(source(1), 0));
    buckets.give_back(source(1));
  }
  buckets.give_back(source(1));  // no more than there was
  EXPECT_TRUE(buckets.take(source(1), 0));
  EXPECT_TRUE(buckets.take(source(1), 0));
  EXPECT_FALSE(buckets.take(source(1), 0));
  buckets.give_back(source(99));  // unknown: nothing
}

TEST(TokenBuckets, OfPlentyOnlyHalfCanBeTaken) {
  TokenBuckets buckets({.burst = 6, .per_second = 0}, 7);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(buckets.take(source(1), 0, true));
  EXPECT_FALSE(buckets.take(source(1), 0, true));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(buckets.take(source(1), 0));
  EXPECT_FALSE(buckets.take(source(1), 0));
}

TEST(TokenBuckets, ForgetsWhoWasHeardOfLongestAgo) {
  TokenBuckets buckets({.burst = 1, .per_second = 0}, 7);
  EXPECT_TRUE(buckets.take(source(0), 0));
  EXPECT_TRUE(buckets.take(source(1), 0));
  EXPECT_FALSE(buckets.take(source(0), 0));  // heard of again
  for (unsigned i = 2; i <= TokenBuckets::kMaxSources; ++i) ASSERT_TRUE(buckets.take(source(i), 0));
  EXPECT_FALSE(buckets.take(source(0), 0));
  EXPECT_TRUE(buckets.take(source(1), 0));
}

TEST(TokenBuckets, NetworksOfBothKinds) {
  auto network = [](const char* host) { return network_of(io::parse_host(host).value()); };
  EXPECT_EQ(network("192.0.2.1"), network("192.0.2.255"));
  EXPECT_NE(network("192.0.2.1"), network("192.0.3.1"));
  EXPECT_EQ(network("2001:db8:1:2::3"), network("2001:db8:1:ffff::"));
  EXPECT_NE(network("2001:db8:1::"), network("2001:db8:2::"));
}

// The 9th of the vectors that the authors of SipHash published: the input is 00 to 07,
// the key 00 to 0f.
TEST(SipHash, AsPublished) {
  constexpr SipKey kKey{.low = 0x0706050403020100, .high = 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(sip_hash(kKey, 0x0706050403020100), 0x93f5f5799a932462u);
}

}  // namespace
}  // namespace anchord::service
