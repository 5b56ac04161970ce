// Bytes that must not stay in memory: wiped when they are replaced or end.
// Moves, never copies.
#pragma once

#include <utility>

#include "anchord/base/bytes.h"

namespace anchord::crypto {

// Overwrites `room` in a way that the compiler may not leave out.
void wipe(MutableBytes room);

// Whether somebody has given the secret: how long it takes says nothing of what is in the two, only of their
// lengths.
bool is_same_secret(Bytes given, Bytes secret);

class Secret {
 public:
  Secret() = default;
  explicit Secret(Buffer bytes) : bytes_(std::move(bytes)) {}
  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Secret& operator=(Secret&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Secret() { wipe(bytes_); }

  Bytes bytes() const { return bytes_; }
  std::string_view text() const { return as_text(bytes_); }

 private:
  Buffer bytes_;
};

}  // namespace anchord::crypto
