// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF") of one
// 64-bit number.
//
// What comes out cannot be told from chance without the key, however much of it was
// seen: of a counter it makes a sequence that nobody can continue. A generator whose
// state shows in what it puts out, such as xorshift, can be computed back from a few
// dozen outputs.
#pragma once

#include <bit>
#include <cstdint>

namespace anchord::service {

struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

constexpr std::uint64_t sip_hash(const SipKey& key, std::uint64_t number) {
  std::uint64_t v0 = key.low ^ 0x736f6d6570736575;
  std::uint64_t v1 = key.high ^ 0x646f72616e646f6d;
  std::uint64_t v2 = key.low ^ 0x6c7967656e657261;
  std::uint64_t v3 = key.high ^ 0x7465646279746573;
  auto round = [&] {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  };
  // The number, then an empty block that carries the length of 8 bytes.
  for (std::uint64_t block : {number, std::uint64_t{8} << 56}) {
    v3 ^= block;
    round();
    round();
    v0 ^= block;
  }
  v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace anchord::service
