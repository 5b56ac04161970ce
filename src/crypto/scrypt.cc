#include "anchord/crypto/scrypt.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>

namespace anchord::crypto {
namespace {

constexpr unsigned kMaxLog2N = 31;
// The library counts p's blocks and a few more, too.
constexpr std::size_t kMemorySlack = std::size_t{4} << 20;

Status check_cost(ScryptCost cost) {
  if (cost.log2_n == 0 || cost.log2_n > kMaxLog2N || cost.r == 0 || cost.p == 0)
    return fail(fmt::format("there is no scrypt with N=2^{}, r={}, p={}", cost.log2_n, cost.r, cost.p));
  std::uint64_t blocks = std::uint64_t{cost.r} << cost.log2_n;
  if (128 * blocks > kMaxScryptMemory || blocks * cost.p > kMaxScryptWork)
    return fail(fmt::format("scrypt with N=2^{}, r={}, p={} takes more memory or time than is allowed",
                            cost.log2_n, cost.r, cost.p));
  return {};
}

}  // namespace

Result<Secret> scrypt(Bytes passphrase, Bytes salt, ScryptCost cost, std::size_t size) {
  ANCHORD_TRY(check_cost(cost));
  Buffer out(size);
  int ok = EVP_PBE_scrypt(as_text(passphrase).data(), passphrase.size(), salt.data(), salt.size(),
                          std::uint64_t{1} << cost.log2_n, cost.r, cost.p, kMaxScryptMemory + kMemorySlack,
                          out.data(), out.size());
  ERR_clear_error();
  if (ok != 1)
    return fail(fmt::format("no memory for scrypt with N=2^{}, r={}, p={}: end other programs and try again",
                            cost.log2_n, cost.r, cost.p));
  return Secret(std::move(out));
}

}  // namespace anchord::crypto
