// AES-128-CBC over whole blocks, in place, without padding of its own: how the
// phones' encrypted files are made. It hides a content and does not protect it
// from change; the file's signature does that.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "anchord/base/bytes.h"

namespace anchord::crypto {

constexpr std::size_t kAesBlock = 16;
using AesKey = std::array<std::uint8_t, 16>;
using AesIv = std::array<std::uint8_t, kAesBlock>;

// `blocks` is a multiple of kAesBlock bytes.
void aes_cbc_encrypt(const AesKey& key, const AesIv& iv, MutableBytes blocks);
void aes_cbc_decrypt(const AesKey& key, const AesIv& iv, MutableBytes blocks);

}  // namespace anchord::crypto
