// AES-256-GCM (NIST SP 800-38D): hides a content and shows every change to it and to what
// goes with it in the clear. A nonce must never be used twice with one key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "anchord/base/bytes.h"

namespace anchord::crypto {

constexpr std::size_t kAeadKey = 32;
constexpr std::size_t kAeadTag = 16;  // a sealed content is as much longer
using AeadNonce = std::array<std::uint8_t, 12>;

// For one thread at a time. The key is wiped at its end.
class Aead {
 public:
  explicit Aead(Bytes key);  // kAeadKey bytes
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;
  ~Aead();

  // In place: the content is `room` without its last kAeadTag bytes.
  void seal(const AeadNonce& nonce, Bytes in_the_clear, MutableBytes room) const;

  // In place: the content is then `room` without its last kAeadTag bytes. False when
  // anything was changed; `room` then holds nothing of use.
  [[nodiscard]] bool open(const AeadNonce& nonce, Bytes in_the_clear, MutableBytes room) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anchord::crypto
