// What a shard asks of the operating system, and nothing more.
//
// Two things implement it: the io_uring of a thread (uring.h) and a simulated,
// seeded one (sim_ring.h) that delays, splits, reorders and drops within what
// the kernel is allowed to do. A shard cannot tell them apart.
//
// Every operation carries a tag that comes back in its completions. Memory that
// an operation was given (bytes to send, a datagram) must stay as it is until its
// completion. One thread uses a ring, from its making to its end.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::io {

// Provided buffers come in two groups, so that a flood on one transport cannot
// take the buffers of the other.
enum class Group : std::uint16_t { tcp = 0, udp = 1 };

constexpr std::uint64_t kIgnore = 0;  // a tag whose completions the ring swallows

struct Completion {
  std::uint64_t tag = 0;
  std::int32_t result = 0;  // as io_uring: a count, a descriptor, or -errno
  bool more = false;        // a multishot operation goes on; when false it has ended
  bool has_buffer = false;  // `buffer` must be given back with recycle()
  std::uint16_t buffer = 0;
};

// A received datagram, seen inside its provided buffer.
struct Datagram {
  Address from;
  Host to;  // the local address it was sent to; is_any() when unknown
  Bytes payload;
  bool truncated = false;
  bool valid = false;  // false: the buffer did not hold a whole message
};

// A datagram to send. set() fills everything that the kernel will look at; the
// object must not move until the completion.
class OutDatagram {
 public:
  // A header and a piece of a file.
  static constexpr std::size_t kMaxParts = 2;

  // `from` is the local address to send from: the one that was asked, or any to
  // let the kernel choose. At most kMaxParts parts, sent as one packet.
  void set(const Address& to, const Host& from, bool v4_socket, std::span<const iovec> parts);
  OutDatagram() = default;
  OutDatagram(const OutDatagram&) = delete;
  OutDatagram& operator=(const OutDatagram&) = delete;

  const msghdr* message() const { return &message_; }
  std::size_t size() const;  // of all parts
  const Address& to() const { return to_; }

 private:
  msghdr message_{};
  sockaddr_storage name_{};
  std::array<iovec, kMaxParts> parts_{};
  alignas(cmsghdr) std::array<std::uint8_t, 64> control_{};
  Address to_;
};

class Ring {
 public:
  virtual ~Ring() = default;

  // The time at the return of the last wait(); one reading serves a whole batch.
  virtual Millis now() const = 0;

  // Multishot: completions carry a new descriptor each, until one without
  // `more`, after which it must be armed again.
  virtual void accept(int listener, std::uint64_t tag) = 0;
  // Multishot, into Group::tcp. result > 0 with a buffer; 0: the peer ended its
  // side; -ENOBUFS: no buffer was free, arm again when some are.
  virtual void receive(int connection, std::uint64_t tag) = 0;
  // Multishot, into Group::udp; look inside with datagram().
  virtual void receive_datagrams(int socket, std::uint64_t tag) = 0;
  // One completion each; a send may be short.
  virtual void send(int connection, Bytes bytes, std::uint64_t tag) = 0;
  virtual void send_datagram(int socket, const OutDatagram& datagram, std::uint64_t tag) = 0;
  // Completes (multishot) whenever another thread calls wake() on the ring's waker.
  virtual void watch_waker(std::uint64_t tag) = 0;

  // Asks for the end of the operation with this tag. It still completes, with
  // -ECANCELED or with whatever came first.
  virtual void cancel(std::uint64_t tag) = 0;
  // Ends both directions at once; operations in flight complete.
  virtual void shutdown(int connection) = 0;
  // Only when nothing is in flight on it.
  virtual void close(int descriptor) = 0;
  virtual Address peer(int connection) = 0;

  virtual Bytes buffer(Group group, std::uint16_t id, std::size_t length) = 0;
  virtual Datagram datagram(const Completion& completion) = 0;
  virtual void recycle(Group group, std::uint16_t id) = 0;

  // Submits what is queued, waits until something completes or `deadline`
  // passes (kNever: no limit), and returns a bounded batch. The span is valid
  // until the next wait(). An empty one is normal.
  virtual std::span<const Completion> wait(Millis deadline) = 0;
};

}  // namespace anchord::io
