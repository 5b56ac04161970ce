#include "anchord/base/stream_socket.h"

#include <netdb.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace anchord {
namespace {

// What was found, in memory of our own: the thread that looked may end later than who asked it.
struct Found {
  std::vector<std::pair<sockaddr_storage, socklen_t>> addresses;
  int error = 0;
};

Found look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* list = nullptr;
  Found out;
  out.error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (out.error != 0) return out;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    auto& [address, length] = out.addresses.emplace_back();
    std::copy_n(reinterpret_cast<const char*>(at->ai_addr), at->ai_addrlen,
                reinterpret_cast<char*>(&address));
    length = at->ai_addrlen;
  }
  return out;
}

// getaddrinfo() knows no deadline: a name server that is silent keeps it for half a minute. A thread of its
// own asks, and is left to itself when it is late.
Result<Found> look_up_until(const std::string& host, std::uint16_t port, Millis deadline) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable told;
    std::optional<Found> found;
  };
  auto shared = std::make_shared<Shared>();
  std::thread([shared, host, port] {
    Found found = look_up(host, port, 0);
    const std::lock_guard lock(shared->mutex);
    shared->found = std::move(found);
    shared->told.notify_one();
  }).detach();
  std::unique_lock lock(shared->mutex);
  const Millis now = monotonic_now();
  const std::chrono::milliseconds left(deadline - std::min(deadline, now));
  if (!shared->told.wait_for(lock, left, [&] { return shared->found.has_value(); })) {
    return fail("no name server has said its address in time");
  }
  return *std::move(shared->found);
}

}  // namespace

Result<StreamSocket> StreamSocket::connect(const sockaddr* address, socklen_t length, Millis deadline) {
  FileDescriptor fd(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket", errno);
  StreamSocket out(std::move(fd), deadline);
  if (::connect(out.fd_.get(), address, length) == 0) return out;
  if (errno != EINPROGRESS) return fail_errno("connect", errno);
  ANCHORD_TRY(out.wait_for(POLLOUT));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(out.fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  if (error != 0) return fail_errno("connect", error);
  return out;
}

Result<StreamSocket> StreamSocket::connect(const std::string& host, std::uint16_t port, Millis deadline) {
  Found found = look_up(host, port, AI_NUMERICHOST);
  if (found.error == EAI_NONAME) {
    ANCHORD_TRY_ASSIGN(found, look_up_until(host, port, deadline));
  }
  if (found.error != 0) return fail(std::string("no address for this host: ") + ::gai_strerror(found.error));
  Error last{"no address for this host"};
  for (const auto& [address, length] : found.addresses) {
    auto socket = connect(reinterpret_cast<const sockaddr*>(&address), length, deadline);
    if (socket) return socket;
    last = std::move(socket.error());
  }
  return std::unexpected(std::move(last));
}

Status StreamSocket::wait_for(short events) const {
  for (;;) {
    Millis now = monotonic_now();
    if (now >= deadline_) return fail("timed out");
    pollfd entry{fd_.get(), events, 0};
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
    ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
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
    ssize_t count = ::recv(fd_.get(), room.data(), room.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN) return failed("receive", errno);
  }
}

bool StreamSocket::quiet() const {
  pollfd entry{fd_.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 0;
}

}  // namespace anchord
