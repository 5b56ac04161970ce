#include "tftp_fetch.h"

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "anchord/base/writer.h"
#include "worker.h"

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

}  // namespace

Status TftpFetch::open(const io::Address& target) {
  const io::Host own = worker_.host_of(client_);
  const io::Address local = own.is_any() ? any_address_like(target) : io::Address{.host = own};
  auto socket = io::bind_udp(local, receive_buffer(settings_.options), false);
  if (!socket) return std::unexpected(std::move(socket.error()).within("making a client's socket"));
  if (!ask_for_errors(socket->get(), target.host.is_v4())) return fail_errno("IP_RECVERR", errno);
  socket_ = std::move(*socket);
  worker_.ring().receive_datagrams(socket_.get(), Worker::tag(client_, receive_part_));
  return {};
}

Status TftpFetch::start(const io::Address& target, std::string_view file) {
  if (!socket_) {
    ANCHORD_TRY(open(target));
  }
  busy_ = true;
  target_ = peer_ = target;
  get_.start(file, settings_.mode, settings_.options, settings_.tries);
  wait();
  send_to(peer_, get_.packet());
  return {};
}

// The socket is closed when its receive has ended; one that takes long is kept.
void TftpFetch::retire(bool dead) {
  if (old_) return;
  worker_.ring().cancel(Worker::tag(client_, receive_part_));
  old_ = std::move(socket_);
  old_is_dead_ = dead;
  receive_part_ ^= kReceivePart ^ (kReceivePart + 1);
}

void TftpFetch::on_completion(std::uint8_t part, const io::Completion& completion) {
  if (part == kSendPart) return on_network_error(-completion.result, true);
  const bool current = part == receive_part_;
  if (!completion.more && current) {
    worker_.ring().receive_datagrams(socket_.get(), Worker::tag(client_, part));
  } else if (!completion.more && old_is_dead_) {
    if (dead_.size() == kMaxDead) dead_.erase(dead_.begin());
    dead_.push_back(std::move(old_));
  } else if (!completion.more) {
    worker_.ring().close(old_.release());
  }
  if (completion.result < 0 && current) on_network_error(-completion.result, false);
  if (!completion.has_buffer) return;
  const io::Datagram datagram = worker_.ring().datagram(completion);
  if (current && datagram.valid && !worker_.is_lost()) on_datagram(datagram);
  worker_.ring().recycle(io::Group::udp, completion.buffer);
}

void TftpFetch::on_datagram(const io::Datagram& datagram) {
  if (datagram.from.host != target_.host) return;
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
  if (first && (get_.answered() || next == TftpGet::Next::failed)) peer_ = datagram.from;
  // What comes again and again must not keep the read alive.
  if (!get_.payload().empty() || (first && get_.answered())) wait();
  proceed(next);
}

void TftpFetch::proceed(TftpGet::Next next) {
  if (next == TftpGet::Next::failed) {
    if (!get_.packet().empty()) send_to(peer_, get_.packet());
    return end(&get_.failure());
  }
  const bool last = next == TftpGet::Next::done;
  if ((last || !get_.payload().empty()) && owner_.is_cut(get_.payload().size(), last)) {
    abandon();
    return owner_.on_cut();
  }
  if (next != TftpGet::Next::wait) send_to(peer_, get_.packet());
  if (!get_.payload().empty()) {
    if (auto failure = owner_.on_payload(get_.payload())) return end(&*failure);
  }
  if (last) end(nullptr);
}

void TftpFetch::end(const Failure* failure) {
  busy_ = false;
  if (settings_.new_ports) retire(false);
  owner_.on_fetched(failure);
}

void TftpFetch::abandon() {
  if (busy_) retire(true);
  busy_ = false;
}

void TftpFetch::on_deadline() {
  if (!busy_) return;
  if (worker_.ring().now() < deadline_) return worker_.arm(client_, deadline_);
  const TftpGet::Next next = get_.on_timeout();
  if (next == TftpGet::Next::send && !get_.answered()) owner_.on_retransmit();
  wait();
  proceed(next);
}

void TftpFetch::wait() {
  deadline_ = worker_.ring().now() + settings_.timeout;
  worker_.arm(client_, deadline_);
}

void TftpFetch::send_to(const io::Address& to, Bytes packet) {
  io::OutDatagram& out = worker_.ring().new_datagram();
  out.start(to, {}, to.host.is_v4());
  out.copy(packet);
  worker_.ring().send_datagram(socket_.get(), out, Worker::tag(client_, kSendPart));
}

void TftpFetch::on_network_error(int error, bool sending) {
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
