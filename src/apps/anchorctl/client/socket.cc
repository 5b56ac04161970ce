#include "client/socket.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace anchord::ctl {

Result<StreamSocket> StreamSocket::connect(const sockaddr* address, socklen_t length, Millis deadline) {
  FileDescriptor socket(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket", errno);
  const int fd = socket.get();
  StreamSocket out(std::move(socket), deadline);
  if (::connect(fd, address, length) == 0) return out;
  if (errno != EINPROGRESS) return fail_errno("connect", errno);
  ANCHORD_TRY(out.wait_for(POLLOUT));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  if (error != 0) return fail_errno("connect", error);
  return out;
}

Status StreamSocket::wait_for(short events) const {
  for (;;) {
    Millis now = monotonic_now();
    if (now >= deadline_) return fail("timed out");
    pollfd entry{socket_.get(), events, 0};
    int ready = ::poll(&entry, 1, static_cast<int>(std::min<Millis>(deadline_ - now, 1000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
  }
}

std::unexpected<Error> StreamSocket::failed(std::string_view what, int error) {
  is_reset_ = error == ECONNRESET || error == EPIPE;
  return fail_errno(what, error);
}

Status StreamSocket::send_all(Bytes bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      ANCHORD_TRY(wait_for(POLLOUT));
    } else if (errno != EINTR) {
      return failed("send", errno);
    }
  }
  return {};
}

Result<std::size_t> StreamSocket::receive(MutableBytes room) {
  for (;;) {
    // The deadline is asked first: a peer that always has one byte more cannot
    // keep us beyond it.
    ANCHORD_TRY(wait_for(POLLIN));
    ssize_t count = ::recv(socket_.get(), room.data(), room.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN) return failed("receive", errno);
  }
}

}  // namespace anchord::ctl
