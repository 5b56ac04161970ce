#include "protocol/control_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <utility>

#include "anchord/base/log.h"
#include "anchord/protocol/socket_path.h"
#include "machine/memory_reserve.h"

namespace anchord::control {
namespace {

constexpr int kBacklog = 16;

std::unexpected<Error> cannot_make(const std::filesystem::path& path, int reason) {
  auto failed = fail_errno("cannot make the control socket '" + path.string() + "'", reason);
  failed.error().text += reason == EADDRINUSE ? ": something else has the name, remove it"
                                              : ": run as the owner of the state directory";
  return failed;
}

}  // namespace

Result<ControlSocket> ControlSocket::open(const std::filesystem::path& path) {
  ControlSocket out(path);
  ANCHORD_TRY(out.bind());
  return out;
}

Status ControlSocket::may_open(const std::filesystem::path& path) {
  ANCHORD_TRY(protocol::socket_address(path));
  std::error_code ignored;
  const auto there = std::filesystem::symlink_status(path, ignored);
  if (std::filesystem::exists(there) && !std::filesystem::is_socket(there))
    return cannot_make(path, EADDRINUSE);
  return ::access(path.parent_path().c_str(), W_OK | X_OK) == 0 ? Status() : cannot_make(path, errno);
}

Status ControlSocket::bind() {
  ANCHORD_TRY_ASSIGN(auto name, protocol::socket_address(path_));
  // Left by a service that was killed; what else may be there is somebody's.
  std::error_code ignored;
  if (std::filesystem::is_socket(std::filesystem::symlink_status(path_, ignored))) ::unlink(path_.c_str());
  FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // The socket's own mode becomes that of its name: there is no moment in which others could
  // connect, and other threads' files do not get the mode.
  struct stat info{};
  if (!listener || ::fchmod(listener.get(), 0600) != 0 ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      ::listen(listener.get(), kBacklog) != 0 || ::lstat(path_.c_str(), &info) != 0)
    return cannot_make(path_, errno);
  listener_ = std::move(listener);
  identity_ = {info.st_dev, info.st_ino};
  return {};
}

ControlSocket::~ControlSocket() {
  if (listener_ && in_place()) ::unlink(path_.c_str());
}

bool ControlSocket::in_place() const {
  struct stat info{};
  return ::lstat(path_.c_str(), &info) == 0 && identity_ == Identity{info.st_dev, info.st_ino};
}

void ControlSocket::look_after() {
  if (in_place()) return;
  Status bound = bind();
  std::string problem = bound ? "" : bound.error().text;
  if (bound) {
    log::warn("the control socket '" + path_.string() + "' was gone: it is made anew");
  } else if (problem != problem_) {
    log::error("the control socket is gone, and anchorctl cannot ask this service: " + problem);
  }
  problem_ = std::move(problem);
}

void ControlSocket::poll_for(std::vector<pollfd>& out) const {
  if (clients_.size() < kMaxClients) out.push_back({.fd = listener_.get(), .events = POLLIN});
  for (const Client& client : clients_)
    out.push_back(
        {.fd = client.descriptor.get(), .events = static_cast<short>(client.answering ? POLLOUT : POLLIN)});
}

void ControlSocket::serve(Millis now, const Answerer& answer) {
  while (clients_.size() < kMaxClients) {
    FileDescriptor next(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!next) break;
    clients_.push_back({.descriptor = std::move(next), .deadline = now + protocol::kTimeout});
  }
  std::erase_if(clients_, [&](Client& client) {
    try {
      if (now < client.deadline) return !advance(client, answer);
      // Who said nothing at all, or does not take its answer, is told nothing.
      if (client.answering || client.request.empty()) return true;
      refuse(client, protocol::request_too_late());
      (void)advance(client, answer);
      return true;
    } catch (const std::bad_alloc&) {
      return true;  // it asks again
    }
  });
}

void ControlSocket::refuse(Client& client, const Error& why) {
  const MemoryReserve for_json;
  log::warn(log::Peers::requests, "a request on the control socket is refused: " + why.text);
  client.answer = protocol::encode_answer(protocol::Refused{why.text});
  client.answering = true;
}

// False when the client is done with, or not worth keeping.
bool ControlSocket::advance(Client& client, const Answerer& answer) {
  while (!client.answering) {
    char room[protocol::kMaxRequest];
    ssize_t n = ::recv(client.descriptor.get(), room, sizeof(room), 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0 && client.request.empty()) return false;  // it only looked whether somebody is here
    client.request.append(room, static_cast<std::size_t>(n));
    const std::size_t end = client.request.find('\n');
    if (n > 0 && end == std::string::npos && client.request.size() <= protocol::kMaxRequest) continue;
    // What stands behind a request's end is nobody's.
    if (end != std::string::npos) client.request.resize(end + 1);
    auto request = [&] {
      const MemoryReserve for_json;
      return protocol::decode_request(client.request);
    }();
    if (!request) {
      refuse(client, request.error());
    } else {
      client.answer = answer(*request);
      client.answering = true;
    }
  }
  while (!client.answer.empty()) {
    ssize_t n = ::send(client.descriptor.get(), client.answer.data(), client.answer.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    client.answer.erase(0, static_cast<std::size_t>(n));
  }
  return false;
}

}  // namespace anchord::control
