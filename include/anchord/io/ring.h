// What a shard asks of the operating system, and nothing more.
//
// The io_uring of a thread implements it (uring.h). A shard knows no more of it than this, and runs on
// whatever else keeps these promises.
//
// Every operation carries a tag that comes back in its completions. Memory that an
// operation was given (bytes to send) must stay as it is until its completion.
// Datagrams are the exception: the kernel copies them when they are submitted, so
// they complete only if they fail. One thread uses a ring, from its making to its end.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <atomic>
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

// A datagram to send, or a GSO batch of them in one send (UDP_SEGMENT): all as long as
// segment() says, but the last, which may be shorter.
//
// The ring owns it and uses it again after the next wait(). The bytes that refer()
// was given must stay until then; those that copy() was given need not.
class OutDatagram {
 public:
  static constexpr std::size_t kMaxSegments = 64;  // what Linux before 6.9 takes
  static constexpr std::size_t kMaxSize = 65'507;  // in one send, as over IPv4: 65,535 less the headers
  static constexpr std::size_t kRoom = 1'472;      // for copy(): the payload of one Ethernet frame
  // A header and the two parts of a file for each segment.
  static constexpr std::size_t kMaxParts = 3 * kMaxSegments;

  // Forgets what it held. `from` is the local address to send from: the one that was
  // asked, or any to let the kernel choose.
  void start(const Address& to, const Host& from, bool v4_socket);
  // The next bytes. Empty ones are left out.
  void copy(Bytes bytes);
  void refer(Bytes bytes);
  // To be written into, and then handed to copied() as far as it was filled.
  MutableBytes room() { return MutableBytes(room_).subspan(room_used_); }
  void copied(std::size_t size);
  // Last of all: each segment's size. The kernel refuses what does not fit the path
  // (EINVAL, EMSGSIZE) and paths that cannot segment (EIO).
  void segment(std::uint16_t size);

  OutDatagram() = default;
  OutDatagram(const OutDatagram&) = delete;
  OutDatagram& operator=(const OutDatagram&) = delete;

  const msghdr* message() const { return &message_; }
  const Address& to() const { return to_; }

 private:
  void add(const std::uint8_t* bytes, std::size_t size);

  msghdr message_{};
  std::size_t room_used_ = 0;
  Address to_;
  sockaddr_storage name_{};
  // The local address, in its IPv6 form the larger, and a segment's size.
  alignas(cmsghdr) std::array<std::uint8_t,
                              CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint16_t))> control_{};
  std::array<std::uint8_t, kRoom> room_;
  std::array<iovec, kMaxParts> parts_;
};

// An iovec list: pieces of a stream that leave as one send. It must not move until the completion.
class IovecList {
 public:
  // The bytes that were written for the stream, and the two parts of a file.
  static constexpr std::size_t kMaxParts = 3;

  // Empty pieces are left out.
  void set(std::span<const Bytes> pieces);
  IovecList() = default;
  IovecList(const IovecList&) = delete;
  IovecList& operator=(const IovecList&) = delete;

  const msghdr* message() const { return &message_; }

 private:
  msghdr message_{};
  std::array<iovec, kMaxParts> parts_{};
};

class Ring {
 public:
  virtual ~Ring() = default;

  // The time at the return of the last wait(), no earlier than what that returned; one reading serves a whole
  // batch.
  virtual Millis now() const = 0;
  // Microseconds since then: the present is read.
  virtual std::uint64_t micros_since_wait() const = 0;

  // One connection: completes with its descriptor, or -ECONNABORTED when whoever it was has
  // left. One at a time for each listener, and each listener with a tag of its own.
  virtual void accept(int listener, std::uint64_t tag) = 0;
  // How many connections may wait to be accepted, at most what the system allows; those
  // that wait already stay. Who comes when it is full asks again later.
  virtual void set_backlog(int listener, int length) = 0;
  // Multishot, into Group::tcp. result > 0 with a buffer; 0: the peer ended its
  // side; -ENOBUFS: no buffer was free, arm again when some are.
  virtual void receive(int connection, std::uint64_t tag) = 0;
  // Multishot, into Group::udp; look inside with datagram().
  virtual void receive_datagrams(int socket, std::uint64_t tag) = 0;
  // One completion each; a send may be short.
  virtual void send(int connection, Bytes bytes, std::uint64_t tag) = 0;
  virtual void send_iovecs(int connection, const IovecList& pieces, std::uint64_t tag) = 0;
  // One to fill and to send at once.
  virtual OutDatagram& new_datagram() = 0;
  // Completes with -errno when it could not be sent, -EAGAIN when the socket was full;
  // otherwise not at all. The same tag may be used for several.
  virtual void send_datagram(int socket, const OutDatagram& datagram, std::uint64_t tag) = 0;
  // Hands over what is queued, as wait() does: what datagrams refer to may go.
  virtual void submit() = 0;
  // Completes (multishot) whenever another thread calls wake() on the ring's waker.
  virtual void watch_waker(std::uint64_t tag) = 0;

  // Asks for the end of the operation with this tag. It still completes, with
  // -ECANCELED or with whatever came first.
  virtual void cancel(std::uint64_t tag) = 0;
  // Ends our direction of a connection, behind what was sent; with no send in flight.
  virtual void finish(int connection) = 0;
  // What the peer's host has not acknowledged of all that was sent, in bytes; the end that
  // finish() sends counts as one. Costs a system call.
  virtual std::size_t unacknowledged(int connection) = 0;
  // Ends both directions of a connection at once; operations in flight complete. A
  // listener refuses from then on, whoever waits in its backlog too.
  virtual void shutdown(int socket) = 0;
  // Only when nothing is in flight on it.
  virtual void close(int descriptor) = 0;
  // Whom this completion of accept() accepted; until the listener is armed again.
  virtual Address peer(const Completion& accepted) = 0;

  virtual Bytes buffer(Group group, std::uint16_t id, std::size_t length) = 0;
  virtual Datagram datagram(const Completion& completion) = 0;
  virtual void recycle(Group group, std::uint16_t id) = 0;

  // Submits what is queued, waits until something completes or `deadline`
  // passes (kNever: no limit), and returns a bounded batch. The span is valid
  // until the next wait(). An empty one is normal.
  virtual std::span<const Completion> wait(Millis deadline) = 0;

  // Shows other threads which tick this thread is at: each wait() stores kTickBegins in `tick` before it
  // reads the clock, and then the time that it has read; the owner stores kNever before it waits. A thread
  // that reads the clock first, and kNever afterwards, knows that no tick with an earlier time is under way
  // or will come.
  static constexpr Millis kTickBegins = 0;
  void show_ticks_in(std::atomic<Millis>& tick) { tick_ = &tick; }

 protected:
  // The clock, read in that order; behind what the turn takes in, so that nothing bears a time before it
  // came.
  template <class Clock>
  Millis begin_turn(Clock&& clock) {
    if (tick_ == nullptr) return clock();
    tick_->store(kTickBegins, std::memory_order_seq_cst);
    const Millis now = clock();
    tick_->store(now, std::memory_order_release);
    return now;
  }

 private:
  std::atomic<Millis>* tick_ = nullptr;
};

}  // namespace anchord::io
