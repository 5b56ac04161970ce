// All bytes of a message of several pieces.
#pragma once

#include <sys/socket.h>

#include "anchord/base/bytes.h"

namespace anchord::io {

inline Buffer flatten(const msghdr& message) {
  Buffer out;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    const iovec& part = message.msg_iov[i];
    const auto* bytes = static_cast<const std::uint8_t*>(part.iov_base);
    out.insert(out.end(), bytes, bytes + part.iov_len);
  }
  return out;
}

}  // namespace anchord::io
