// Sockets as the service wants them, and two small things a thread needs beside
// them: a way to be woken, and room for many descriptors.
//
// Nothing here blocks. Sockets are blocking ones (io_uring waits for them; a
// non-blocking socket would have it give up at once) and are closed on exec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/io/address.h"

namespace anchord::io {

// An IPv4 address gets an IPv4 socket. "::" also takes IPv4 clients, any other
// IPv6 address only its own. Port 0 lets the kernel choose: see local_address().
//
// With `reuse_port`, sockets of one user that all ask for it share a port, each
// with its part of the clients (SO_REUSEPORT): a shard's. What listeners accept has
// TCP_NODELAY. Fails with "cannot listen on ADDRESS (TCP): reason".
Result<FileDescriptor> listen_tcp(const Address& address, int backlog, bool reuse_port = true);

// Tells for each datagram which local address it was sent to. `buffer` is in bytes,
// for what was received and for what is being sent; without CAP_NET_ADMIN the kernel
// caps it silently at net.core.rmem_max and wmem_max. Fails with "cannot listen on
// ADDRESS (UDP): reason".
Result<FileDescriptor> bind_udp(const Address& address, int buffer, bool reuse_port);

// The bytes of received datagrams that the kernel holds for a socket, as it counts
// them; 0 when the descriptor is no socket.
int receive_buffer(int fd);

// Port 0 when the descriptor is no bound socket.
Address local_address(int fd);
bool is_v4_socket(int fd);

// Lets any thread, or a signal handler, end a ring's wait. Wakes that come
// before the ring looks count as one.
class Waker {
 public:
  static Result<Waker> create();

  void wake() const noexcept;   // async-signal-safe
  void drain() const noexcept;  // forgets earlier wakes; the ring does it
  int descriptor() const { return event_.get(); }

 private:
  explicit Waker(FileDescriptor event) : event_(std::move(event)) {}
  FileDescriptor event_;
};

// Raises the soft limit of open descriptors to the hard one; returns the limit
// that is now in force.
std::size_t raise_descriptor_limit();

}  // namespace anchord::io
