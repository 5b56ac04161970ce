#include "anchord/io/socket.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

namespace anchord::io {
namespace {

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

Result<FileDescriptor> bound_socket(const Address& address, int type, bool reuse_port) {
  const auto failed = [&] {
    const int error = errno;
    const char* protocol = type == SOCK_STREAM ? "TCP" : "UDP";
    return fail_errno(fmt::format("cannot listen on {} ({})", address.text(), protocol), error);
  };
  const bool v4 = address.host.is_v4();
  FileDescriptor out(socket(v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
  const int fd = out.get();
  if (!out) return failed();
  // A UDP socket with SO_REUSEADDR would let another program take its packets.
  if (type == SOCK_STREAM && !set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return failed();
  if (reuse_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return failed();
  if (!v4 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address.host.is_any())) return failed();
  sockaddr_storage name;
  const socklen_t length = to_kernel(address, v4, name);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&name), length) != 0) return failed();
  // Bound to one address, it has no other to tell, or to send from.
  if (type == SOCK_STREAM || !address.host.is_any()) return out;
  const bool told =
      v4 ? set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) : set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  if (!told) return failed();
  return out;
}

}  // namespace

Result<FileDescriptor> listen_tcp(const Address& address, int backlog, bool reuse_port) {
  ANCHORD_TRY_ASSIGN(auto out, bound_socket(address, SOCK_STREAM, reuse_port));
  if (!set_option(out.get(), IPPROTO_TCP, TCP_NODELAY, 1) || listen(out.get(), backlog) != 0) {
    return fail_errno(fmt::format("cannot listen on {} (TCP)", address.text()), errno);
  }
  return out;
}

Result<FileDescriptor> bind_udp(const Address& address, int buffer, bool reuse_port) {
  ANCHORD_TRY_ASSIGN(auto out, bound_socket(address, SOCK_DGRAM, reuse_port));
  // The first of each pair goes beyond the system's limit, and needs CAP_NET_ADMIN.
  const auto set_either = [&](int forced, int capped) {
    return set_option(out.get(), SOL_SOCKET, forced, buffer) ||
           set_option(out.get(), SOL_SOCKET, capped, buffer);
  };
  if (!set_either(SO_RCVBUFFORCE, SO_RCVBUF) || !set_either(SO_SNDBUFFORCE, SO_SNDBUF)) {
    return fail_errno(fmt::format("cannot listen on {} (UDP)", address.text()), errno);
  }
  return out;
}

int receive_buffer(int fd) {
  int doubled = 0;
  socklen_t length = sizeof doubled;
  if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &doubled, &length) != 0) return 0;
  return doubled / 2;
}

Address local_address(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return {};
  return from_kernel(name);
}

bool is_v4_socket(int fd) {
  int domain = 0;
  socklen_t length = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_INET;
}

Result<Waker> Waker::create() {
  FileDescriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return fail_errno("cannot make an eventfd (raise the limit of open files, ulimit -n)", errno);
  return Waker(std::move(event));
}

void Waker::wake() const noexcept {
  // A signal handler must leave errno as it was. The write fails only when the
  // counter is full, and then the ring has been woken already.
  const int saved = errno;
  [[maybe_unused]] const int done = eventfd_write(event_.get(), 1);
  errno = saved;
}

void Waker::drain() const noexcept {
  eventfd_t count = 0;
  [[maybe_unused]] const int done = eventfd_read(event_.get(), &count);
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  }
  return limit.rlim_cur;
}

}  // namespace anchord::io
