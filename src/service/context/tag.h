// How a completion finds its object again: what it is, which slot, and which
// tenant of that slot.
#pragma once

#include <cstdint>

#include "anchord/base/slot_pool.h"

namespace anchord::service {

enum class TagKind : std::uint8_t {
  waker = 1,  // 0 would make a tag that the ring ignores
  tvs_accept,
  tvs_receive,
  tvs_send,
  http_accept,
  http_receive,
  http_send,
  https_accept,
  https_receive,
  https_send,
  tftp_receive,
  tftp_send,
};

struct Tag {
  TagKind kind;
  std::uint32_t generation;  // 24 bits
  std::uint32_t slot;

  std::uint64_t packed() const {
    return std::uint64_t{static_cast<std::uint8_t>(kind)} << 56 | std::uint64_t{generation} << 32 | slot;
  }
  static Tag unpack(std::uint64_t packed) {
    return {static_cast<TagKind>(packed >> 56), static_cast<std::uint32_t>(packed >> 32 & 0xffffff),
            static_cast<std::uint32_t>(packed)};
  }
};

}  // namespace anchord::service
