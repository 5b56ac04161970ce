#include "stream/handshake_queue.h"

namespace anchord::service {

std::uint32_t HandshakeQueue::take(Millis now) {
  if (!resuming_.empty()) {
    const std::uint32_t slot = resuming_.front();
    resuming_.remove(slot);
    return slot;
  }
  if (pending_hellos_.empty()) return kNone;
  const bool is_overloaded = now - connections_[pending_hellos_.front()].since > kMaxHandshakeWait;
  const std::uint32_t slot = is_overloaded ? pending_hellos_.back() : pending_hellos_.front();
  pending_hellos_.remove(slot);
  return slot;
}

}  // namespace anchord::service
