// What is said on the connections of one service on TCP. A protocol takes bytes and
// says what to send; sockets, buffers and deadlines are StreamService's business.
//
// Connections are known by their slots. A slot is started, advanced any number of
// times, and reset; memory that a protocol has given to be sent stays in place from
// then until the next call for its slot.
#pragma once

#include <array>
#include <cstdint>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/io/address.h"
#include "anchord/service/settings.h"

namespace anchord::service {

// Slots of one shard's service.
inline std::uint32_t stream_slots(const StreamSettings& settings) {
  return settings.max_connections + kSpareConnections;
}

enum class StreamNext : std::uint8_t {
  more_input,   // all input is used; come again when there is more
  flush_first,  // send the output, then come again with no input and fresh room
  finish,       // send the output, then close
};

struct StreamProgress {
  StreamNext next = StreamNext::more_input;
  std::size_t produced = 0;     // bytes of the room that are to be sent
  std::array<Bytes, 2> body{};  // sent behind them; only with flush_first
  bool answered = false;        // a request was answered, or a body's end was taken
  // How far the peer must have acknowledged the connection's output, in bytes from its
  // start, for all of what the protocol wants to know as delivered; 0: for nothing.
  std::uint64_t awaited = 0;
};

class StreamProtocol {
 public:
  virtual ~StreamProtocol() = default;

  // What advance() and write_close_notify() need of room, in bytes.
  virtual std::size_t room() const = 0;

  // Starts a new connection. False: it cannot be served; the reason is logged or counted.
  virtual bool start(std::uint32_t slot, const io::Host& peer) = 0;
  // Whether a handshake is still to be completed. Handshakes are rationed.
  virtual bool handshaking(std::uint32_t slot) const = 0;
  // How many bytes of the input were given and not used yet. They must stay in place.
  virtual std::size_t unread(std::uint32_t slot) const = 0;
  // Goes on with the connection. `input` is empty or continues the stream; it is given only when unread() is
  // 0.
  virtual StreamProgress advance(std::uint32_t slot, Bytes input, MutableBytes room) = 0;
  // The socket has taken all output; the last of it was handed to the ring in the tick of `sent`, and left no
  // earlier than that.
  virtual void taken(std::uint32_t, Millis) {}
  // The peer's host has that much of the connection's output. Only while something is awaited.
  virtual void acknowledged(std::uint32_t slot, std::uint64_t bytes) = 0;
  // Writes the last bytes of a connection that has no output under way (on TLS, a close_notify) into
  // `room`, and returns how many there are.
  virtual std::size_t write_close_notify(std::uint32_t slot, MutableBytes room) = 0;
  // The connection is gone, and nothing of it is being sent.
  virtual void reset(std::uint32_t slot) = 0;
  // The version of the view on which the slot began a download of a file that has been replaced since;
  // kNoReader: it does not.
  static constexpr std::uint64_t kNoReader = ~std::uint64_t{0};
  virtual std::uint64_t reads_since(std::uint32_t) const { return kNoReader; }
  // The shard calls it once in each tick, when there may be a newer view.
  virtual void tick() {}
};

}  // namespace anchord::service
