// What the service, the admission and the handshakes of one kind of stream all know of a connection.
#pragma once

#include <cstdint>

#include "anchord/base/clock.h"
#include "anchord/base/slot_pool.h"
#include "anchord/io/address.h"

namespace anchord::service {

enum class StreamPhase : std::uint8_t {
  handshaking,
  serving,
  closing,
  lingering,
  terminating
};  // stream_service.h

struct StreamConnection {
  io::Address peer;
  std::size_t taken = 0;      // by the socket since `since`, in bytes
  std::uint64_t awaited = 0;  // StreamProgress's, until it is acknowledged
  Millis look_at = 0;         // when to ask for that again
  Millis since = 0;           // accept, then the handshake's end, then the last progress
  StreamPhase phase = StreamPhase::handshaking;
  bool hello_served = false;  // its ClientHello was served
  bool answered = false;      // has had at least one answer
  bool peer_ended = false;    // nothing more will come
  bool must_flush = false;    // the protocol goes on after its output is sent
};

using StreamConnections = SlotPool<StreamConnection>;

}  // namespace anchord::service
