#include "client/tvs_client.h"

#include <fmt/core.h>
#include <netdb.h>

#include <charconv>
#include <memory>
#include <string_view>

#include "anchord/wire/tvs.h"
#include "client/failure.h"
#include "client/socket.h"

namespace anchord::ctl {
namespace {

// A TLS record and its overhead, so that one read takes a whole one.
constexpr std::size_t kRoom = 17 * 1024;

Result<StreamSocket> connect_to(const TvsAddress& address, Millis deadline) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
      error != 0) {
    return fail(fmt::format("no address for this host: {}", ::gai_strerror(error)));
  }
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  Error last{"no address for this host"};
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    auto socket = StreamSocket::connect(at->ai_addr, at->ai_addrlen, deadline);
    if (socket) return socket;
    last = std::move(socket.error());
  }
  return std::unexpected(std::move(last));
}

// The engine and the socket that carries its bytes.
class TlsConnection {
 public:
  explicit TlsConnection(StreamSocket socket) : socket_(std::move(socket)), in_(kRoom), out_(kRoom) {}

  Status start(const crypto::TlsContext& context) { return engine_.start(context); }
  const crypto::TlsEngine& engine() const { return engine_; }

  Status handshake() {
    return run([this] { return engine_.handshake(); });
  }
  Status write(Bytes plain) {
    return run([&] { return engine_.write(plain); });
  }
  Result<std::size_t> read(MutableBytes plain) {
    std::size_t count = 0;
    ANCHORD_TRY(run([&] { return engine_.read(plain, count); }));
    return count;
  }
  void close() {
    (void)run([this] { return engine_.close(); });
  }

 private:
  using Progress = crypto::TlsEngine::Outcome;

  template <class Operation>
  Status run(Operation operation) {
    for (;;) {
      engine_.take_into(out_);
      Progress progress = operation();
      Status sent = socket_.send_all(Bytes(out_).first(engine_.produced()));
      // Why TLS failed says more than that the alert about it did not arrive.
      if (progress == Progress::failed) return fail("TLS: " + engine_.failure());
      if (!sent) return sent;
      if (progress == Progress::done) return {};
      if (progress == Progress::peer_closed) return fail("the server closed the connection");
      if (progress == Progress::want_input) {
        ANCHORD_TRY(receive());
      }
    }
  }

  Status receive() {
    ANCHORD_TRY_ASSIGN(auto count, socket_.receive(in_));
    if (count == 0) return fail("the server closed the connection");
    engine_.give(Bytes(in_).first(count));
    return {};
  }

  StreamSocket socket_;
  crypto::TlsEngine engine_;
  Buffer in_;
  Buffer out_;
};

Result<Buffer> read_message(TlsConnection& connection) {
  Buffer room(wire::kTvsHeaderSize + wire::kMaxTvsBody);
  std::size_t filled = 0;
  for (;;) {
    // The room is larger than any message whose size is accepted below, so it
    // cannot be full here.
    ANCHORD_TRY_ASSIGN(auto count, connection.read(MutableBytes(room).subspan(filled)));
    filled += count;
    auto size = wire::tvs_message_size(Bytes(room).first(filled));
    if (!size) return std::unexpected(size.error().error().within("a malformed answer"));
    if (*size == 0 || filled < *size) continue;
    if (filled > *size) return fail("a malformed answer: more bytes than one message has");
    room.resize(filled);
    return room;
  }
}

Result<TvsReply> converse(const TvsServer& server, const crypto::TlsContext& context, Bytes request) {
  ANCHORD_TRY_ASSIGN(auto socket, connect_to(server.address, monotonic_now() + kTvsTimeout));
  TlsConnection connection(std::move(socket));
  ANCHORD_TRY(connection.start(context));
  ANCHORD_TRY(connection.handshake());
  ANCHORD_TRY(connection.write(request));
  ANCHORD_TRY_ASSIGN(auto message, read_message(connection));
  connection.close();
  return TvsReply{std::move(message), std::string(connection.engine().version()),
                  std::string(connection.engine().cipher())};
}

}  // namespace

Result<TvsAddress> TvsAddress::parse(const std::string& text) {
  TvsAddress out;
  std::string_view rest = text;
  if (rest.starts_with('[')) {
    std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return fail(text + ": the bracket is not closed");
    out.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    std::size_t colon = rest.find(':');
    if (colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos) {
      return fail(fmt::format("{}: an IPv6 address stands in brackets, as in [::1]:2445", text));
    }
    out.host = rest.substr(0, colon);
    rest.remove_prefix(std::min(colon, rest.size()));
  }
  if (out.host.empty()) return fail(text + ": a host is missing");
  if (rest.empty()) return out;
  auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), out.port);
  if (!rest.starts_with(':') || error != std::errc{} || end != rest.data() + rest.size() || out.port == 0) {
    return fail(text + ": a port is a number from 1 to 65535");
  }
  return out;
}

std::string TvsAddress::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<TvsReply> ask_tvs(const TvsServer& server, Bytes request) {
  crypto::TlsClientSettings settings;
  settings.min = server.min;
  settings.max = server.max;
  settings.pinned = server.certificate;
  ANCHORD_TRY_ASSIGN(auto context, crypto::TlsContext::client(settings));
  auto reply = converse(server, context, request);
  if (!reply) {
    return failure_of(reply, "no answer from " + server.address.text() +
                                 " (check that anchord serves TVS there, and --tvs-cert)");
  }
  return reply;
}

}  // namespace anchord::ctl
