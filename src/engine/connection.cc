#include "connection.h"

#include <fmt/core.h>

#include <array>

namespace anchord::engine {
namespace {

constexpr std::size_t kRoom = 64 * 1024;

std::string head_of(const Request& request, std::string_view host) {
  std::string out =
      fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
                  request.path, host, request.body.size());
  // Without, a member that has lost the others keeps the request until they are back.
  if (request.needs_leader) out += "Grpc-Metadata-hasleader: true\r\n";
  if (!request.token.empty()) out += fmt::format("Authorization: {}\r\n", request.token);
  return out += "\r\n";
}

}  // namespace

Result<Connection> Connection::open(const Member& member, const crypto::TlsContext* tls, Millis deadline) {
  ANCHORD_TRY_ASSIGN(StreamSocket socket, StreamSocket::connect(member.host, member.port, deadline));
  const std::string url = member.url();
  std::string host = url.substr(url.find("//") + 2);
  if (tls == nullptr) return Connection(std::move(host), std::move(socket));
  auto connection = std::make_unique<crypto::TlsConnection>(std::move(socket));
  ANCHORD_TRY(connection->handshake(*tls));
  return Connection(std::move(host), std::move(connection));
}

Status Connection::send(const Request& request, Millis deadline) {
  socket().set_deadline(deadline);
  answer_.emplace(kMaxAnswer);
  searched_ = 0;
  const std::string text = head_of(request, host_).append(request.body);
  return tls_ ? tls_->write(as_bytes(text)) : plain_->send_all(as_bytes(text));
}

Result<bool> Connection::take_more(Millis deadline) {
  std::array<std::uint8_t, kRoom> room;
  const auto count = tls_ ? tls_->read(room) : plain_->receive(room);
  if (!count && monotonic_now() >= deadline) return false;
  ANCHORD_TRY(count);
  if (*count == 0) return fail("the server closed the connection");
  ANCHORD_TRY(answer_->take(Bytes(room).first(*count)));
  return true;
}

Result<Connection::Answer> Connection::receive(Millis deadline) {
  socket().set_deadline(deadline);
  while (!answer_->done()) {
    ANCHORD_TRY_ASSIGN(const bool more, take_more(deadline));
    if (!more) return fail("timed out");
  }
  return Answer{answer_->status(), std::move(answer_->body())};
}

Result<std::optional<std::string>> Connection::receive_line(Millis deadline) {
  socket().set_deadline(deadline);
  std::string& body = answer_->body();
  for (;;) {
    const std::size_t end = body.find('\n', searched_);
    if (end != std::string::npos || answer_->done()) {
      std::string line = body.substr(0, end);
      body.erase(0, end == std::string::npos ? end : end + 1);
      searched_ = 0;
      if (!line.empty()) return line;
      if (answer_->done() && body.empty()) return fail("the server ended the stream");
      continue;
    }
    if (body.size() > kMaxLine) return fail(fmt::format("a line of more than {} bytes", kMaxLine));
    searched_ = body.size();
    ANCHORD_TRY_ASSIGN(const bool more, take_more(deadline));
    if (!more) return std::nullopt;
  }
}

bool Connection::reusable() {
  return answer_ && answer_->keeps_alive() && socket().quiet() && (!tls_ || tls_->engine().unread() == 0);
}

}  // namespace anchord::engine
