#include "stream.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include "worker.h"

namespace anchord::load {

using TlsOutcome = crypto::TlsEngine::Outcome;

namespace {

Failure failed(const char* what) {
  return {ErrorKind::network, std::string(what) + ": " + std::generic_category().message(errno)};
}

}  // namespace

Stream::Stream(StreamOwner& owner, Worker& worker, std::uint32_t client)
    : owner_(owner), worker_(worker), client_(client) {}

std::optional<Failure> Stream::prepare(const io::Host& target) {
  prepared_.reset(socket(target.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!prepared_) return failed("socket");
  const int fd = prepared_.get();
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Thousands of connections a second would use up the ports in TIME_WAIT.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const io::Host from = worker_.host_of(client_);
  if (from.is_any() || !target.is_v4()) return std::nullopt;
  sockaddr_storage local{};
  const socklen_t local_length = io::to_kernel({.host = from}, true, local);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&local), local_length) != 0) return failed("bind");
  return std::nullopt;
}

std::optional<Failure> Stream::open(const io::Address& target, const How& how) {
  assert(idle());
  if (!prepared_) {
    if (auto failure = prepare(target.host)) return failure;
  }
  FileDescriptor made = std::move(prepared_);
  secure_ = how.tls != nullptr;
  if (secure_) {
    if (!tls_) tls_ = std::make_unique<crypto::TlsEngine>();
    if (Status started = tls_->start(*how.tls); !started) {
      return Failure{ErrorKind::network, started.error().text};
    }
    if (how.session) tls_->set_session(how.session);
  }
  target_ = target;
  fd_ = made.release();
  closing_ = cut_ = false;
  next_out_.clear();
  worker_.ring().connect(fd_, target, Worker::tag(client_, kConnectPart));
  connecting_ = true;
  return std::nullopt;
}

// The handshake begins only now: it is dear, and one that nobody accepts is not to have
// cost it.
void Stream::on_connected(const io::Completion& completion) {
  connecting_ = false;
  if (closing_) return;
  if (completion.result < 0) return end(why(-completion.result));
  worker_.ring().receive(fd_, Worker::tag(client_, kReceivePart));
  receiving_ = true;
  if (!secure_) return send();
  tls_->take_into(worker_.room());
  advance_handshake();
}

Failure Stream::why(int error) const {
  switch (error) {
    case ECONNREFUSED:
      return {ErrorKind::refused, "nobody listens at " + target_.text()};
    case 0:
      return {ErrorKind::closed, "the server closed the connection"};
    case ECONNRESET:
    case EPIPE:
      return {ErrorKind::closed, "connection reset"};
    default:
      return {ErrorKind::network, std::generic_category().message(error)};
  }
}

void Stream::add(Bytes bytes) {
  if (!is_open()) return;
  assert(ready());
  if (!secure_) {
    next_out_.insert(next_out_.end(), bytes.begin(), bytes.end());
    return;
  }
  while (tls_->write(bytes) == TlsOutcome::output_full) take_output();
  take_output();
}

void Stream::send() {
  if (connecting_ || sending_ || closing_ || next_out_.empty()) return;
  std::swap(out_, next_out_);
  next_out_.clear();
  sent_ = 0;
  sending_ = true;
  worker_.ring().send(fd_, out_, Worker::tag(client_, kSendPart));
}

// A socket filter cuts each packet before TCP sees it: the kernel takes the front only, and acknowledges no
// more than that.
std::optional<Failure> Stream::cut_after(std::size_t bytes) {
  constexpr std::size_t kTcpHeader = 32;  // with timestamps; a longer one is kept whole
  sock_filter keep{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = static_cast<__u32>(kTcpHeader + bytes)};
  const sock_fprog program{.len = 1, .filter = &keep};
  if (setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return failed("SO_ATTACH_FILTER");
  }
  cut_ = true;
  return std::nullopt;
}

bool Stream::give_up() {
  if (is_open() && !connecting_) {
    int bytes = 0;
    // At once, and not by the ring, which is told when all clients have had their turn.
    ::shutdown(fd_, SHUT_RDWR);
    if (::ioctl(fd_, FIONREAD, &bytes) == 0 && bytes > 0) return false;
  }
  close();
  return true;
}

void Stream::on_completion(std::uint8_t part, const io::Completion& completion) {
  switch (part) {
    case kConnectPart:
      on_connected(completion);
      break;
    case kSendPart:
      on_sent(completion);
      break;
    default:
      on_received(completion);
  }
  if (closing_) settle();
}

void Stream::on_sent(const io::Completion& completion) {
  sending_ = false;
  // The receive says what has happened to the connection.
  if (closing_ || completion.result < 0) return;
  sent_ += static_cast<std::size_t>(completion.result);
  if (sent_ == out_.size()) return send();
  sending_ = true;
  worker_.ring().send(fd_, Bytes(out_).subspan(sent_), Worker::tag(client_, kSendPart));
}

void Stream::on_received(const io::Completion& completion) {
  if (!completion.more) receiving_ = false;
  if (completion.has_buffer) {
    const auto length = static_cast<std::size_t>(std::max(completion.result, 0));
    const Bytes bytes = worker_.ring().buffer(io::Group::tcp, completion.buffer, length);
    if (!closing_ && length > 0 && !cut_) secure_ ? decrypt(bytes) : owner_.on_bytes(bytes);
    worker_.ring().recycle(io::Group::tcp, completion.buffer);
  }
  if (closing_) return;
  if (cut_ && completion.result > 0) return end({ErrorKind::closed, "cut on purpose"});
  const int error = -completion.result;
  if (completion.result > 0 || error == ENOBUFS) {
    if (receiving_) return;
    receiving_ = true;
    return worker_.ring().receive(fd_, Worker::tag(client_, kReceivePart));
  }
  end(why(error));
}

// After each operation of the engine: the room is that of all connections.
void Stream::take_output() {
  crypto::TlsEngine& engine = *tls_;
  const Bytes made = Bytes(worker_.room()).first(engine.produced());
  next_out_.insert(next_out_.end(), made.begin(), made.end());
  engine.take_into(worker_.room());
}

// False: not done, or failed. What the owner says at once leaves with the last flight.
bool Stream::advance_handshake() {
  TlsOutcome outcome = tls_->handshake();
  while (outcome == TlsOutcome::output_full) {
    take_output();
    outcome = tls_->handshake();
  }
  take_output();
  if (outcome == TlsOutcome::done) owner_.on_secured();
  send();
  if (outcome == TlsOutcome::failed) end({ErrorKind::protocol, "TLS: " + shown(tls_->failure())});
  return outcome == TlsOutcome::done && !closing_;
}

void Stream::decrypt(Bytes ciphertext) {
  crypto::TlsEngine& engine = *tls_;
  engine.give(ciphertext);
  if (!engine.handshake_done() && !advance_handshake()) return;
  std::array<std::uint8_t, 16384> plain;
  while (!closing_) {
    std::size_t count = 0;
    const TlsOutcome outcome = engine.read(plain, count);
    if (engine.produced() > 0) {
      take_output();
      send();
    }
    switch (outcome) {
      case TlsOutcome::done:
        owner_.on_bytes(Bytes(plain).first(count));
        break;
      case TlsOutcome::want_input:
        return;
      case TlsOutcome::output_full:
        break;
      case TlsOutcome::peer_closed:
        return end({ErrorKind::closed, "the server closed the connection"});
      case TlsOutcome::failed:
        return end({ErrorKind::protocol, "TLS: " + shown(engine.failure())});
    }
  }
}

void Stream::end(const Failure& failure) {
  close();
  owner_.on_end(failure);
}

void Stream::close() {
  if (!is_open()) return;
  closing_ = true;
  if (connecting_) return worker_.ring().cancel(Worker::tag(client_, kConnectPart));
  worker_.ring().shutdown(fd_);
}

void Stream::settle() {
  if (fd_ < 0 || connecting_ || receiving_ || sending_) return;
  worker_.ring().close(fd_);
  fd_ = -1;
  if (secure_) tls_->reset();
  owner_.on_idle();
}

}  // namespace anchord::load
