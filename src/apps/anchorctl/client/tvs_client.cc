#include "client/tvs_client.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "anchord/base/stream_socket.h"
#include "anchord/crypto/tls_connection.h"
#include "anchord/wire/tvs.h"
#include "client/failure.h"

namespace anchord::ctl {
namespace {

Result<Buffer> read_message(crypto::TlsConnection& connection) {
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
  ANCHORD_TRY_ASSIGN(auto socket, StreamSocket::connect(server.address.host, server.address.port,
                                                        monotonic_now() + kTvsTimeout));
  crypto::TlsConnection connection(std::move(socket));
  ANCHORD_TRY(connection.handshake(context));
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
