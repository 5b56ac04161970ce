#include "anchord/crypto/tls_connection.h"

namespace anchord::crypto {
namespace {

// A TLS record and its overhead, so that one read takes a whole one.
constexpr std::size_t kRoom = 17 * 1024;

}  // namespace

TlsConnection::TlsConnection(StreamSocket socket) : socket_(std::move(socket)), in_(kRoom), out_(kRoom) {}

template <class Operation>
Status TlsConnection::run(Operation operation) {
  using Outcome = TlsEngine::Outcome;
  for (;;) {
    engine_.take_into(out_);
    const Outcome outcome = operation();
    Status sent = socket_.send_all(Bytes(out_).first(engine_.produced()));
    // Why TLS failed says more than that the alert about it did not arrive.
    if (outcome == Outcome::failed) return fail("TLS: " + engine_.failure());
    if (!sent) return sent;
    if (outcome == Outcome::done) return {};
    if (outcome == Outcome::peer_closed) return fail("the server closed the connection");
    if (outcome == Outcome::want_input) ANCHORD_TRY(receive());
  }
}

Status TlsConnection::receive() {
  ANCHORD_TRY_ASSIGN(const std::size_t count, socket_.receive(in_));
  if (count == 0) return fail("the server closed the connection");
  engine_.give(Bytes(in_).first(count));
  return {};
}

Status TlsConnection::handshake(const TlsContext& context) {
  ANCHORD_TRY(engine_.start(context));
  return run([this] { return engine_.handshake(); });
}

Status TlsConnection::write(Bytes plain) {
  return run([&] { return engine_.write(plain); });
}

Result<std::size_t> TlsConnection::read(MutableBytes plain) {
  std::size_t count = 0;
  ANCHORD_TRY(run([&] { return engine_.read(plain, count); }));
  return count;
}

void TlsConnection::close() {
  (void)run([this] { return engine_.close(); });
}

}  // namespace anchord::crypto
