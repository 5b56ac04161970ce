// A key from a passphrase (scrypt, RFC 7914), made costly in memory and time so that
// passphrases cannot be tried quickly.
#pragma once

#include <cstddef>
#include <cstdint>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/crypto/secret.h"

namespace anchord::crypto {

struct ScryptCost {
  std::uint8_t log2_n = 0;  // N is 2 to its power
  std::uint8_t r = 0;
  std::uint8_t p = 0;
  bool operator==(const ScryptCost&) const = default;
};

// 128 MiB and about half a second.
constexpr ScryptCost kScryptCost{17, 8, 1};

// A cost read from a file is the file's claim. It may take no more memory than this, and no
// more time than kMaxScryptWork blocks: eight times what kScryptCost takes.
constexpr std::size_t kMaxScryptMemory = std::size_t{256} << 20;
constexpr std::uint64_t kMaxScryptWork = std::uint64_t{8} << 20;

// `size` bytes. A cost that is none, or that is beyond the limits, is an error.
Result<Secret> scrypt(Bytes passphrase, Bytes salt, ScryptCost cost, std::size_t size);

}  // namespace anchord::crypto
