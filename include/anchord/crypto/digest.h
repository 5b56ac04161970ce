// The digests that the phones' formats name and use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "anchord/base/bytes.h"

namespace anchord::crypto {

enum class Digest { sha1, sha256, sha512 };

constexpr std::size_t kSha256Size = 32;
using Sha256 = std::array<std::uint8_t, kSha256Size>;

Buffer digest(Digest kind, Bytes data);

// Over the parts as if they were one.
Sha256 sha256(std::span<const Bytes> parts);
Sha256 sha256(Bytes data);

// Only because phones know their own certificate by it. Proves nothing: two inputs
// with the same MD5 are made in seconds.
std::array<std::uint8_t, 16> md5(Bytes data);

}  // namespace anchord::crypto
