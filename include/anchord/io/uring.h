// The ring of a real thread: one io_uring with its provided buffers.
//
// Needs Linux 6.1. Made, used and destroyed on one thread. A failure to make one
// is a single line with its remedy; once made, it fails only when the kernel
// breaks its promises, and then it ends the process.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "anchord/base/error.h"
#include "anchord/io/ring.h"
#include "anchord/io/socket.h"

namespace anchord::io {

// Microseconds. Newer kernels keep no more of what they are asked for.
constexpr unsigned kMaxBusyPoll = 10'000;

struct UringSettings {
  unsigned entries = 4096;            // operations queued between two system calls
  unsigned tcp_buffers = 512;         // a power of two, at most 32768
  unsigned tcp_buffer_size = 16'384;  // bytes; what several requests at once fit into
  unsigned udp_buffers = 1024;        // a power of two, at most 32768
  // Bytes; kDatagramOverhead of them are not payload.
  unsigned udp_buffer_size = 2048;
  unsigned batch = 256;  // the most completions that one wait() returns
  // Microseconds for which wait() polls the queues of network cards before it sleeps, up to
  // kMaxBusyPoll. Costs that time of the core whenever there is nothing to do. Not 0 needs
  // Linux 6.9, built with CONFIG_NET_RX_BUSY_POLL.
  unsigned busy_poll = 0;
  const Waker& waker;  // outlives the ring
};

// What the kernel writes in front of a datagram's payload: its own header, the
// sender's address, the address it was sent to.
constexpr std::size_t kDatagramOverhead = 16 + 32 + 40;

class Uring : public Ring {
 public:
  static Result<std::unique_ptr<Uring>> create(const UringSettings& settings);

  // For clients. Completes with 0 when the connection is made, or with -errno.
  virtual void connect(int socket, const Address& to, std::uint64_t tag) = 0;
  // As wait(), for a client that keeps to a rate: until this time of the steady clock.
  virtual std::span<const Completion> wait_until(std::chrono::nanoseconds deadline) = 0;
};

// Why no ring could be made, and the remedy, for the errno value of the set-up.
std::string explain_setup_error(int error);
// The same when it is asked to poll network queues.
std::string explain_busy_poll_error(int error);

}  // namespace anchord::io
