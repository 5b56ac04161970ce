#include "gateway.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <charconv>
#include <optional>

namespace anchord::engine::test {
namespace {

// Without a deadline: a client that goes away ends it, as does the gateway's own end.
std::optional<Asked> read_request(int fd, std::string& input) {
  constexpr std::string_view kLength = "Content-Length: ";
  char room[65536];
  for (;;) {
    const std::size_t end = input.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t at = input.find(kLength) + kLength.size();
      std::size_t length = 0;
      std::from_chars(input.data() + at, input.data() + end, length);
      if (input.size() >= end + 4 + length) {
        Asked out{.head = input.substr(0, end), .body = input.substr(end + 4, length)};
        input.erase(0, end + 4 + length);
        const std::size_t path = out.head.find(' ') + 1;
        out.path = out.head.substr(path, out.head.find(' ', path) - path);
        return out;
      }
    }
    const ssize_t count = ::recv(fd, room, sizeof room, 0);
    if (count <= 0) return {};
    input.append(room, static_cast<std::size_t>(count));
  }
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

Reply json(std::string_view body, unsigned status) {
  return {{fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                       status, body.size(), body)}};
}

Reply stream(const std::vector<std::string>& lines, Reply::Then then) {
  Reply out{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}, then};
  for (const std::string& line : lines)
    out.pieces.push_back(fmt::format("{:x}\r\n{}\n\r\n", line.size() + 1, line));
  if (then == Reply::Then::next) out.pieces.emplace_back("0\r\n\r\n");
  return out;
}

std::string header(Revision revision, ClusterId cluster) {
  return fmt::format(R"("header":{{"cluster_id":"{}","member_id":"1","revision":"{}","raft_term":"2"}})",
                     cluster, revision);
}

std::string status_answer(ClusterId cluster) {
  return fmt::format(R"({{{},"version":"3.4.23","dbSize":"20480","leader":"1"}})", header(1, cluster));
}

Gateway::Gateway() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_.get(), 64), 0);
  EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  on("/v3/maintenance/status", json(status_answer()));
  threads_.emplace_back([this] { accept_all(); });
}

Gateway::~Gateway() {
  ending_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  threads_.front().join();  // no connection is added any more
  for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
  for (const int fd : open_) ::close(fd);
}

Gateway& Gateway::on(const std::string& path, Script script) {
  const std::lock_guard lock(mutex_);
  scripts_[path] = std::move(script);
  return *this;
}

Gateway& Gateway::on(const std::string& path, Reply reply) {
  return on(path, [reply = std::move(reply)](const Asked&, std::size_t) { return reply; });
}

std::vector<Asked> Gateway::asked(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  std::vector<Asked> out;
  for (const Asked& one : asked_) {
    if (path.empty() || one.path == path) out.push_back(one);
  }
  return out;
}

void Gateway::wait_for_closed(std::size_t count) const {
  for (std::size_t now = closed_; now < count; now = closed_) closed_.wait(now);
}

void Gateway::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 || ending_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    ++connections_;
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

Reply Gateway::reply_to(const Asked& asked) {
  Script script;
  std::size_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    if (asked.path != "/v3/maintenance/status") asked_.push_back(asked);
    const auto found = scripts_.find(asked.path);
    if (found == scripts_.end()) return json("Not Found\n", 404);
    script = found->second;
    before = times_[asked.path]++;
  }
  return script(asked, before);
}

void Gateway::serve(int fd) {
  std::string input;
  while (const auto asked = read_request(fd, input)) {
    const Reply reply = reply_to(*asked);
    for (const std::string& piece : reply.pieces) {
      if (!send_all(fd, piece)) break;
    }
    if (reply.then == Reply::Then::close) {
      ::shutdown(fd, SHUT_RDWR);
      ++closed_;
      closed_.notify_all();
      return;
    }
    if (reply.then == Reply::Then::silent) {
      char room[256];
      while (::recv(fd, room, sizeof room, 0) > 0) continue;
      return;
    }
  }
  ::shutdown(fd, SHUT_RDWR);
}

}  // namespace anchord::engine::test
