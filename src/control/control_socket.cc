#include "control_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

namespace anchord::control {
namespace {

constexpr int kBacklog = 16;

Result<sockaddr_un> socket_name(const std::filesystem::path& path) {
  sockaddr_un name{.sun_family = AF_UNIX};
  if (path.string().size() >= sizeof(name.sun_path))
    return fail(
        fmt::format("the path '{}' is longer than a socket's may be ({} bytes): use a shorter --state",
                    path.string(), sizeof(name.sun_path) - 1));
  path.string().copy(name.sun_path, sizeof(name.sun_path) - 1);
  return name;
}

bool somebody_answers(const sockaddr_un& name) {
  io::Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
}

}  // namespace

Result<ControlSocket> ControlSocket::open(const std::filesystem::path& path) {
  Result<sockaddr_un> name = socket_name(path);
  if (!name) return std::unexpected(name.error());
  if (somebody_answers(*name))
    return fail(fmt::format("another anchord serves from '{}': end it first", path.parent_path().string()));
  ::unlink(path.c_str());  // left behind by one that was killed
  io::Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  mode_t before = ::umask(0177);
  bool bound =
      listener && ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&*name), sizeof(*name)) == 0;
  int error = errno;
  ::umask(before);
  if (bound && ::listen(listener.get(), kBacklog) != 0) {
    error = errno;
    bound = false;
  }
  if (!bound) return fail_errno("cannot make the control socket '" + path.string() + "'", error);
  return ControlSocket(std::move(listener), path);
}

ControlSocket::~ControlSocket() {
  if (listener_) ::unlink(path_.c_str());
}

void ControlSocket::poll_for(std::vector<pollfd>& out) const {
  if (clients_.size() < kMaxClients) out.push_back({.fd = listener_.get(), .events = POLLIN});
  for (const Client& client : clients_)
    out.push_back(
        {.fd = client.descriptor.get(), .events = static_cast<short>(client.answering ? POLLOUT : POLLIN)});
}

void ControlSocket::serve(Millis now, const std::function<std::string(std::string_view)>& answer) {
  while (clients_.size() < kMaxClients) {
    io::Descriptor next(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!next) break;
    clients_.push_back({.descriptor = std::move(next), .deadline = now + kClientTimeout});
  }
  std::erase_if(clients_, [&](Client& client) { return now >= client.deadline || !advance(client, answer); });
}

// False when the client is done with, or not worth keeping.
bool ControlSocket::advance(Client& client, const std::function<std::string(std::string_view)>& answer) {
  while (!client.answering) {
    char room[kMaxLine];
    ssize_t n = ::recv(client.descriptor.get(), room, sizeof(room), 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    client.line.append(room, static_cast<std::size_t>(n));
    std::size_t end = client.line.find('\n');
    if (end == std::string::npos && client.line.size() > kMaxLine) return false;
    if (end == std::string::npos) continue;
    client.answer = answer(std::string_view(client.line).substr(0, end));
    client.answering = true;
  }
  while (!client.answer.empty()) {
    ssize_t n = ::send(client.descriptor.get(), client.answer.data(), client.answer.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    client.answer.erase(0, static_cast<std::size_t>(n));
  }
  return false;
}

}  // namespace anchord::control
