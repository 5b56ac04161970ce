#include "replica/sealed_key.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/crypto/aead.h"
#include "anchord/crypto/digest.h"
#include "anchord/crypto/random.h"

namespace anchord::store {
namespace {

constexpr std::string_view kMark = "AK1";

Buffer in_the_clear(std::string_view name, std::string_view certificate) {
  Buffer out(name.begin(), name.end());
  out.push_back(0);  // no name holds one
  const auto hash = crypto::sha256(as_bytes(certificate));
  out.insert(out.end(), hash.begin(), hash.end());
  return out;
}

}  // namespace

std::string seal_key(Bytes cluster_key, std::string_view name, std::string_view certificate, Bytes key) {
  crypto::AeadNonce nonce{};
  crypto::fill_random(nonce);
  Buffer room(key.begin(), key.end());
  room.resize(room.size() + crypto::kAeadTag);
  crypto::Aead(cluster_key).seal(nonce, in_the_clear(name, certificate), room);
  std::string out(kMark);
  out.append(nonce.begin(), nonce.end());
  out.append(room.begin(), room.end());
  return out;
}

Result<crypto::Secret> open_key(Bytes cluster_key, std::string_view name, std::string_view certificate,
                                std::string_view sealed) {
  crypto::AeadNonce nonce{};
  const auto damaged = [&] {
    return fail(fmt::format(
        "the private key '{}' in the engine cannot be opened: it was changed, or is sealed under another key "
        "than the one in cluster/; take a new ticket from another host",
        name));
  };
  if (!sealed.starts_with(kMark)) return damaged();
  sealed.remove_prefix(kMark.size());
  if (sealed.size() < nonce.size() + crypto::kAeadTag) return damaged();
  std::copy_n(sealed.begin(), nonce.size(), nonce.begin());
  sealed.remove_prefix(nonce.size());
  Buffer room(sealed.begin(), sealed.end());
  if (!crypto::Aead(cluster_key).open(nonce, in_the_clear(name, certificate), room)) return damaged();
  room.resize(room.size() - crypto::kAeadTag);
  return crypto::Secret(std::move(room));
}

}  // namespace anchord::store
