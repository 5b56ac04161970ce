#include "tftp_client.h"

#include <fmt/format.h>
#include <linux/errqueue.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "anchord/base/writer.h"

namespace anchord::load {
namespace {

constexpr std::size_t kLeastReceiveBuffer = std::size_t{256} << 10;
constexpr std::size_t kMostReceiveBuffer = std::size_t{16} << 20;

io::Address any_address_like(const io::Address& target) {
  auto any = io::parse_host(target.host.is_v4() ? "0.0.0.0" : "::");
  return {.host = *any};
}

// Two windows, with the kernel's own memory for each packet, so that losses are the
// network's and not ours.
int receive_buffer(const wire::TftpOptions& options) {
  const std::size_t packet = 1024 + options.blksize.value_or(wire::kTftpDefaultBlockSize);
  const std::size_t wanted = 4 * packet * options.windowsize.value_or(1);
  return static_cast<int>(std::clamp(wanted, kLeastReceiveBuffer, kMostReceiveBuffer));
}

// Nobody at the other port: only then is the socket, which is connected to nobody,
// told of it.
bool ask_for_errors(int socket, bool v4) {
  const int on = 1;
  return v4 ? setsockopt(socket, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0
            : setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) == 0;
}

struct ReportedError {
  io::Address to;
  int error = 0;
};

// The oldest error that ICMP has told the socket of, which is taken out.
std::optional<ReportedError> next_error(int socket) {
  sockaddr_storage name{};
  alignas(cmsghdr) std::array<std::uint8_t, 512> control;
  msghdr message{.msg_name = &name,
                 .msg_namelen = sizeof name,
                 .msg_control = control.data(),
                 .msg_controllen = control.size()};
  if (recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  ReportedError out{.to = io::from_kernel(name)};
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                          (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
    if (is_error) out.error = static_cast<int>(reinterpret_cast<sock_extended_err*>(CMSG_DATA(c))->ee_errno);
  }
  return out;
}

// Netascii's line ends, RFC 764: CR LF is a line's end, CR NUL is CR.
bool decode_netascii(Bytes in, bool& pending_return, Buffer& out) {
  out.clear();
  for (const std::uint8_t byte : in) {
    if (pending_return) {
      if (byte != '\n' && byte != 0) return false;
      out.push_back(byte == 0 ? '\r' : '\n');
      pending_return = false;
    } else if (byte == '\r') {
      pending_return = true;
    } else {
      out.push_back(byte);
    }
  }
  return true;
}

}  // namespace

TftpProtocol::TftpProtocol(const Plan& plan, const TftpWish& wish, Copies& copies)
    : plan_(plan), wish_(wish), copies_(copies) {}

Result<std::unique_ptr<Client>> TftpProtocol::make_client(Worker& worker, std::uint32_t id) {
  auto socket = io::bind_udp(any_address_like(plan_.target), receive_buffer(wish_.options), false);
  if (!socket) return std::unexpected(std::move(socket.error()).within("making the clients' sockets"));
  if (!ask_for_errors(socket->get(), plan_.target.host.is_v4())) return fail_errno("IP_RECVERR", errno);
  return std::make_unique<TftpClient>(*this, worker, id, std::move(*socket));
}

std::size_t TftpProtocol::datagram_size() const {
  return wire::kTftpDataHeaderSize + wish_.options.blksize.value_or(wire::kTftpDefaultBlockSize);
}

void TftpProtocol::agreed(std::size_t block_size, std::size_t window) {
  block_size_.store(block_size, std::memory_order_relaxed);
  window_.store(window, std::memory_order_relaxed);
}

Json TftpProtocol::facts() const {
  return {{"agreed_blksize", block_size_.load()}, {"agreed_windowsize", window_.load()}};
}

TftpClient::TftpClient(TftpProtocol& protocol, Worker& worker, std::uint32_t id, io::Descriptor socket)
    : protocol_(protocol),
      worker_(worker),
      id_(id),
      socket_(std::move(socket)),
      v4_(protocol.target().host.is_v4()),
      copy_(protocol.copies()) {
  worker_.ring().receive_datagrams(socket_.get(), Worker::tag(id_, kReceivePart));
}

void TftpClient::begin(const Task& task) {
  Copies& copies = protocol_.copies();
  const std::uint64_t file = task.number % copies.names().count();
  task_ = task;
  busy_ = true;
  peer_ = protocol_.target();
  pending_return_ = false;
  copy_.start(file);
  get_.start(copies.names().name(file), protocol_.wish().mode, protocol_.wish().options);
  send(get_.packet());
}

void TftpClient::on_completion(std::uint8_t part, const io::Completion& completion) {
  if (part == kSendPart) return on_network_error(-completion.result, true);
  if (!completion.more) worker_.ring().receive_datagrams(socket_.get(), Worker::tag(id_, kReceivePart));
  if (completion.result < 0) on_network_error(-completion.result, false);
  if (!completion.has_buffer) return;
  const io::Datagram datagram = worker_.ring().datagram(completion);
  if (datagram.valid && !worker_.is_lost()) on_datagram(datagram);
  worker_.ring().recycle(io::Group::udp, completion.buffer);
}

void TftpClient::on_datagram(const io::Datagram& datagram) {
  if (datagram.from.host != protocol_.target().host) return;
  if (!busy_ || (get_.answered() && datagram.from != peer_)) {
    // RFC 1350: the end of a second transfer that a repeated request began, and of an
    // earlier one that did not hear of its own. Errors are not answered.
    const bool is_error = datagram.payload.size() >= 2 && datagram.payload[1] == 5;
    if (is_error) return;
    std::array<std::uint8_t, 32> packet;
    Writer out{packet};
    wire::write_tftp_error(out, wire::TftpErrorCode::unknown_transfer, "unknown transfer");
    return send_to(datagram.from, Bytes(packet).first(out.size()));
  }
  if (datagram.truncated) {
    const Failure failure{ErrorKind::protocol, "a packet larger than was asked for"};
    return end(&failure);
  }
  const bool first = !get_.answered();
  const TftpGet::Next next = get_.on_packet(datagram.payload);
  if (first && (get_.answered() || next == TftpGet::Next::failed)) {
    peer_ = datagram.from;
    protocol_.agreed(get_.block_size(), get_.window());
  }
  deadline_ = worker_.ring().now() + protocol_.wish().patience;
  proceed(next);
}

void TftpClient::proceed(TftpGet::Next next) {
  if (next == TftpGet::Next::failed) {
    if (!get_.packet().empty()) send(get_.packet());
    return end(&get_.failure());
  }
  if (next != TftpGet::Next::wait) send(get_.packet());
  take_payload();
  if (!busy_ || next != TftpGet::Next::done) return;
  if (!pending_return_ && copy_.finish()) return end(nullptr);
  const Failure failure{ErrorKind::content, pending_return_ ? "ends within a line's end" : copy_.failure()};
  end(&failure);
}

void TftpClient::take_payload() {
  Bytes payload = get_.payload();
  worker_.add_bytes(payload.size());
  if (protocol_.wish().mode == wire::TftpMode::netascii) {
    if (!decode_netascii(payload, pending_return_, decoded_)) {
      const Failure failure{ErrorKind::protocol, "netascii: CR is followed by neither LF nor NUL"};
      return end(&failure);
    }
    payload = decoded_;
  }
  if (copy_.add(payload)) return;
  const Failure failure{ErrorKind::content, copy_.failure()};
  end(&failure);
}

void TftpClient::end(const Failure* failure) {
  busy_ = false;
  if (failure != nullptr) return worker_.fail(id_, *failure);
  worker_.succeed(id_, task_);
}

void TftpClient::on_deadline() {
  if (!busy_) return;
  if (worker_.ring().now() < deadline_) return worker_.arm(id_, deadline_);
  proceed(get_.on_timeout());
}

void TftpClient::send(Bytes packet) {
  deadline_ = worker_.ring().now() + protocol_.wish().patience;
  worker_.arm(id_, deadline_);
  send_to(peer_, packet);
}

void TftpClient::send_to(const io::Address& to, Bytes packet) {
  io::OutDatagram& out = worker_.ring().new_datagram();
  out.start(to, {}, v4_);
  out.copy(packet);
  worker_.ring().send_datagram(socket_.get(), out, Worker::tag(id_, kSendPart));
}

void TftpClient::on_network_error(int error, bool sending) {
  // Buffers were short; what was lost is asked for again.
  if (error == ENOBUFS || error == EAGAIN || error == EINTR || error == ECANCELED) return;
  // The kernel's queue of errors must be emptied. It says which packet each is about:
  // one to a server's port of an earlier transfer is of no interest.
  bool about_us = sending && error != ECONNREFUSED;
  while (auto reported = next_error(socket_.get())) {
    if (reported->to != peer_) continue;
    about_us = true;
    error = reported->error;
  }
  if (!about_us || !busy_) return;
  const bool refused = error == ECONNREFUSED;
  const Failure failure{
      refused ? ErrorKind::refused : ErrorKind::network,
      refused ? "nobody listens at " + peer_.text() : std::generic_category().message(error)};
  end(&failure);
}

}  // namespace anchord::load
