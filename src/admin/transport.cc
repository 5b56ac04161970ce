#include "transport.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace anchord::admin {
namespace {

// A TLS record and its overhead, so that one read takes a whole one.
constexpr std::size_t kRoom = 17 * 1024;
// Given to TLS at once.
constexpr std::size_t kPiece = 16 * 1024;

bool would_wait() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

Transport::Transport(FileDescriptor socket, const crypto::TlsContext* tls)
    : socket_(std::move(socket)), events_(POLLIN) {
  if (tls == nullptr) return;
  engine_ = std::make_unique<crypto::TlsEngine>();
  in_.resize(kRoom);
  out_.resize(kRoom);
  failed_ = !engine_->start(*tls);
}

Transport::Outcome Transport::receive(MutableBytes room, std::size_t& count) {
  const ssize_t n = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (n > 0) {
    count = static_cast<std::size_t>(n);
    return Outcome::done;
  }
  if (n == 0 || !would_wait()) return Outcome::ended;
  events_ = POLLIN;
  return Outcome::wait;
}

// What TLS has made.
Transport::Outcome Transport::flush() {
  while (sent_ < made_) {
    const ssize_t n = ::send(socket_.get(), out_.data() + sent_, made_ - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && !would_wait()) return Outcome::ended;
    if (n < 0) {
      events_ = POLLOUT;
      return Outcome::wait;
    }
    sent_ += static_cast<std::size_t>(n);
  }
  sent_ = made_ = 0;
  return Outcome::done;
}

template <class Operation>
Transport::Outcome Transport::run(Operation operation) {
  using Tls = crypto::TlsEngine::Outcome;
  while (!failed_) {
    if (const Outcome sent = flush(); sent != Outcome::done) return sent;
    engine_->take_into(out_);
    const Tls outcome = operation();
    made_ = engine_->produced();
    switch (outcome) {
      case Tls::done:
        return Outcome::done;  // what it made goes out before the next
      case Tls::output_full:
        break;
      case Tls::want_input: {
        if (const Outcome sent = flush(); sent != Outcome::done) return sent;
        std::size_t count = 0;
        if (const Outcome got = receive(in_, count); got != Outcome::done) return got;
        engine_->give(Bytes(in_).first(count));
        break;
      }
      case Tls::peer_closed:
      case Tls::failed:
        failed_ = true;
        (void)flush();
        break;
    }
  }
  return Outcome::ended;
}

Transport::Outcome Transport::read(MutableBytes room, std::size_t& count) {
  if (engine_ == nullptr) return receive(room, count);
  if (!handshake_done_) {
    if (const Outcome begun = run([&] { return engine_->handshake(); }); begun != Outcome::done) return begun;
    handshake_done_ = true;
  }
  return run([&] { return engine_->read(room, count); });
}

Transport::Outcome Transport::write(std::string_view& rest) {
  while (engine_ != nullptr && !rest.empty()) {
    const Bytes piece = as_bytes(rest.substr(0, kPiece));
    if (const Outcome written = run([&] { return engine_->write(piece); }); written != Outcome::done)
      return written;
    rest.remove_prefix(piece.size());
  }
  if (engine_ != nullptr) return flush();
  while (!rest.empty()) {
    const ssize_t n = ::send(socket_.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && !would_wait()) return Outcome::ended;
    if (n < 0) {
      events_ = POLLOUT;
      return Outcome::wait;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return Outcome::done;
}

void Transport::end() {
  if (engine_ != nullptr && handshake_done_ && !failed_) {
    (void)run([&] { return engine_->close(); });
    (void)flush();
  }
  ::shutdown(socket_.get(), SHUT_WR);
  events_ = POLLIN;
}

Transport::Outcome Transport::discard(std::size_t& count) {
  std::uint8_t room[4096];
  return receive(room, count);
}

}  // namespace anchord::admin
