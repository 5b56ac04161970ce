#include "anchord/io/uring.h"

#include <fmt/core.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <system_error>
#include <vector>

#include "anchord/base/log.h"
#include "packet_info.h"
#include "setup.h"

namespace anchord::io {
namespace {

// Completions would be lost, or operations never start: no shard can go on.
[[noreturn]] void give_up(int error) {
  log::error(fmt::format("io_uring failed beyond repair: {}", std::generic_category().message(error)));
  std::abort();
}

// Datagrams queued between two system calls, of 5 KB each. Those that were used last
// are used first.
constexpr std::size_t kDatagrams = 256;

// Everything else than these means that the ring is broken. They say: no time
// left, a signal came, and the kernel wants us to look at completions first.
bool is_normal(int result) {
  return result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY;
}

class LiveRing final : public Uring {
 public:
  explicit LiveRing(const UringSettings& settings)
      : waker_(settings.waker), batch_limit_(settings.batch), shape_(datagram_shape()) {
    batch_.reserve(batch_limit_);
  }
  Status open(const UringSettings& settings);

  Millis now() const override { return now_; }
  std::uint64_t micros_since_wait() const override { return monotonic_micros() - began_; }
  void accept(int listener, std::uint64_t tag) override;
  void set_backlog(int listener, int length) override;
  void connect(int socket, const Address& to, std::uint64_t tag) override;
  void receive(int connection, std::uint64_t tag) override;
  void receive_datagrams(int socket, std::uint64_t tag) override;
  void send(int connection, Bytes bytes, std::uint64_t tag) override;
  void send_iovecs(int connection, const IovecList& pieces, std::uint64_t tag) override;
  OutDatagram& new_datagram() override;
  void send_datagram(int socket, const OutDatagram& datagram, std::uint64_t tag) override;
  void submit() override;
  void watch_waker(std::uint64_t tag) override;
  void cancel(std::uint64_t tag) override;
  void finish(int connection) override;
  std::size_t unacknowledged(int connection) override;
  void shutdown(int socket) override;
  void close(int descriptor) override;
  Address peer(const Completion& accepted) override;
  Bytes buffer(Group group, std::uint16_t id, std::size_t length) override;
  Datagram datagram(const Completion& completion) override;
  void recycle(Group group, std::uint16_t id) override { buffers(group).give_back(id); }
  std::span<const Completion> wait(Millis deadline) override;
  std::span<const Completion> wait_until(std::chrono::nanoseconds deadline) override;

 private:
  // What an accept is to write to.
  struct Accept {
    std::uint64_t tag;
    sockaddr_storage peer{};
    socklen_t length = 0;
  };

  BufferRing& buffers(Group group) { return buffers_[static_cast<std::size_t>(group)]; }
  Accept& accept_of(std::uint64_t tag);
  io_uring_sqe* next(std::uint64_t tag);
  void submit_queue();
  void forget_submitted();
  void run_shutdowns();
  std::span<const Completion> wait_for(__kernel_timespec* left);
  void reap();

  // The ring goes before what the kernel knows through it.
  std::array<BufferRing, 2> buffers_;
  std::deque<Accept> accepts_;  // one for each listener
  RawRing ring_;
  const Waker& waker_;
  std::uint64_t waker_tag_ = kIgnore;
  Millis now_ = monotonic_now();
  std::uint64_t began_ = 0;  // the present turn, in microseconds
  std::size_t batch_limit_;
  std::vector<Completion> batch_;
  std::vector<int> shutdowns_;  // asked for since the last wait()
  std::unique_ptr<OutDatagram[]> datagrams_ = std::make_unique<OutDatagram[]>(kDatagrams);
  std::size_t datagrams_used_ = 0;      // since what they hold was submitted last
  std::deque<sockaddr_storage> names_;  // of connects, until they are submitted
  msghdr shape_;
};

Status LiveRing::open(const UringSettings& settings) {
  ANCHORD_TRY(ring_.open(settings.entries));
  if (settings.busy_poll > 0) {
    ANCHORD_TRY(ring_.poll_queues(settings.busy_poll));
  }
  ANCHORD_TRY(
      buffers(Group::tcp).open(ring_.get(), Group::tcp, settings.tcp_buffers, settings.tcp_buffer_size));
  return buffers(Group::udp).open(ring_.get(), Group::udp, settings.udp_buffers, settings.udp_buffer_size);
}

void LiveRing::submit_queue() {
  do {
    if (const int done = io_uring_submit(ring_.get()); !is_normal(done)) give_up(-done);
  } while (io_uring_sq_ready(ring_.get()) > 0);
}

void LiveRing::submit() {
  submit_queue();
  forget_submitted();
}

// The kernel has its own copies.
void LiveRing::forget_submitted() {
  datagrams_used_ = 0;
  names_.clear();
}

io_uring_sqe* LiveRing::next(std::uint64_t tag) {
  io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
  while (entry == nullptr) {
    // An armed receive must find the buffers that were given back before it.
    for (BufferRing& group : buffers_) group.flush();
    submit_queue();
    entry = io_uring_get_sqe(ring_.get());
  }
  io_uring_sqe_set_data64(entry, tag);
  return entry;
}

// Accepts with the peer's address, which saves asking for it and shows whether the peer has left by then.
void LiveRing::accept(int listener, std::uint64_t tag) {
  Accept& to = accept_of(tag);
  to.length = sizeof to.peer;
  io_uring_prep_accept(next(tag), listener, reinterpret_cast<sockaddr*>(&to.peer), &to.length, SOCK_CLOEXEC);
}

LiveRing::Accept& LiveRing::accept_of(std::uint64_t tag) {
  const auto found = std::ranges::find(accepts_, tag, &Accept::tag);
  return found != accepts_.end() ? *found : accepts_.emplace_back(Accept{.tag = tag});
}

// For a socket that listens the kernel changes the number, and no more. A listener that
// was shut down would listen again: nobody may ask for that.
void LiveRing::set_backlog(int listener, int length) {
  if (::listen(listener, length) != 0)
    log::warn(log::Peers::backlogs,
              fmt::format("cannot set a backlog: {}", std::generic_category().message(errno)));
}

void LiveRing::connect(int socket, const Address& to, std::uint64_t tag) {
  sockaddr_storage& name = names_.emplace_back();
  const socklen_t length = to_kernel(to, to.host.is_v4(), name);
  io_uring_prep_connect(next(tag), socket, reinterpret_cast<const sockaddr*>(&name), length);
}

void LiveRing::receive(int connection, std::uint64_t tag) {
  io_uring_sqe* entry = next(tag);
  io_uring_prep_recv_multishot(entry, connection, nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = static_cast<std::uint16_t>(Group::tcp);
}

void LiveRing::receive_datagrams(int socket, std::uint64_t tag) {
  io_uring_sqe* entry = next(tag);
  io_uring_prep_recvmsg_multishot(entry, socket, &shape_, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = static_cast<std::uint16_t>(Group::udp);
}

void LiveRing::send(int connection, Bytes bytes, std::uint64_t tag) {
  io_uring_prep_send(next(tag), connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void LiveRing::send_iovecs(int connection, const IovecList& pieces, std::uint64_t tag) {
  io_uring_prep_sendmsg(next(tag), connection, pieces.message(), MSG_NOSIGNAL);
}

OutDatagram& LiveRing::new_datagram() {
  if (datagrams_used_ == kDatagrams) submit();
  return datagrams_[datagrams_used_++];
}

// The kernel copies a datagram while it is submitted. MSG_DONTWAIT keeps it from
// coming back to one later, when the socket has room again: it fails instead.
void LiveRing::send_datagram(int socket, const OutDatagram& datagram, std::uint64_t tag) {
  constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
  const msghdr& message = *datagram.message();
  io_uring_sqe* entry = next(tag);
  if (message.msg_iovlen == 1 && message.msg_controllen == 0) {
    // Spares the kernel reading the message, its pieces and its control data.
    io_uring_prep_send(entry, socket, message.msg_iov->iov_base, message.msg_iov->iov_len, kFlags);
    io_uring_prep_send_set_addr(entry, static_cast<const sockaddr*>(message.msg_name),
                                static_cast<std::uint16_t>(message.msg_namelen));
  } else {
    io_uring_prep_sendmsg(entry, socket, &message, kFlags);
  }
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void LiveRing::watch_waker(std::uint64_t tag) {
  waker_tag_ = tag;
  io_uring_prep_poll_multishot(next(tag), waker_.descriptor(), POLLIN);
}

void LiveRing::cancel(std::uint64_t tag) {
  assert(tag != kIgnore);
  io_uring_prep_cancel64(next(kIgnore), tag, 0);
}

// Whatever was sent before has completed.
void LiveRing::finish(int connection) {
  ::shutdown(connection, SHUT_WR);
}

std::size_t LiveRing::unacknowledged(int connection) {
  int left = 0;
  // It fails for what is not a TCP socket only.
  if (::ioctl(connection, SIOCOUTQ, &left) != 0) give_up(errno);
  return static_cast<std::size_t>(left);
}

void LiveRing::shutdown(int socket) {
  shutdowns_.push_back(socket);
}

// Shutdowns are not operations of the ring: the kernel hands those to a worker thread, where they may run
// after a close that follows, and hit the socket that has got the descriptor since. What was queued before a
// shutdown is submitted before it.
void LiveRing::run_shutdowns() {
  if (shutdowns_.empty()) return;
  submit_queue();
  for (const int socket : shutdowns_) ::shutdown(socket, SHUT_RDWR);
  shutdowns_.clear();
}

void LiveRing::close(int descriptor) {
  std::erase(shutdowns_, descriptor);  // closing does as much
  io_uring_prep_close(next(kIgnore), descriptor);
}

Address LiveRing::peer(const Completion& accepted) {
  return from_kernel(accept_of(accepted.tag).peer);
}

Bytes LiveRing::buffer(Group group, std::uint16_t id, std::size_t length) {
  return buffers(group).at(id).first(length);
}

Datagram LiveRing::datagram(const Completion& completion) {
  Datagram out;
  if (!completion.has_buffer) return out;
  std::uint8_t* memory = buffers(Group::udp).at(completion.buffer).data();
  io_uring_recvmsg_out* header = io_uring_recvmsg_validate(memory, completion.result, &shape_);
  if (header == nullptr) return out;

  sockaddr_storage name{};
  std::memcpy(&name, io_uring_recvmsg_name(header),
              std::min<std::size_t>(header->namelen, shape_.msg_namelen));
  out.from = from_kernel(name);
  for (cmsghdr* control = io_uring_recvmsg_cmsg_firsthdr(header, &shape_); control != nullptr;
       control = io_uring_recvmsg_cmsg_nexthdr(header, &shape_, control)) {
    if (auto host = packet_info(*control)) out.to = *host;
  }
  out.payload = {static_cast<const std::uint8_t*>(io_uring_recvmsg_payload(header, &shape_)),
                 io_uring_recvmsg_payload_length(header, completion.result, &shape_)};
  out.truncated = (header->flags & MSG_TRUNC) != 0;
  out.valid = true;
  return out;
}

std::span<const Completion> LiveRing::wait(Millis deadline) {
  if (deadline == kNever) return wait_for(nullptr);
  const Millis before = monotonic_now();
  const Millis millis = deadline > before ? deadline - before : 0;
  __kernel_timespec left{.tv_sec = static_cast<std::int64_t>(millis / 1000),
                         .tv_nsec = static_cast<std::int64_t>(millis % 1000) * 1'000'000};
  return wait_for(&left);
}

std::span<const Completion> LiveRing::wait_until(std::chrono::nanoseconds deadline) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const std::int64_t nanos = std::max<std::int64_t>((deadline - now).count(), 0);
  __kernel_timespec left{.tv_sec = nanos / kSecond, .tv_nsec = nanos % kSecond};
  return wait_for(&left);
}

// Null: without an end.
std::span<const Completion> LiveRing::wait_for(__kernel_timespec* left) {
  for (BufferRing& group : buffers_) group.flush();
  run_shutdowns();
  io_uring_cqe* first = nullptr;
  const int done = io_uring_submit_and_wait_timeout(ring_.get(), &first, 1, left, nullptr);
  if (!is_normal(done)) give_up(-done);
  // Seldom: what the kernel did not take at once, for want of memory.
  if (io_uring_sq_ready(ring_.get()) > 0) submit_queue();
  forget_submitted();
  now_ = begin_turn([this] {
    reap();
    began_ = monotonic_micros();
    return began_ / 1000;
  });
  return batch_;
}

void LiveRing::reap() {
  batch_.clear();
  unsigned head = 0;
  unsigned seen = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(ring_.get(), head, entry) {
    if (batch_.size() == batch_limit_) break;
    ++seen;
    if (entry->user_data == kIgnore) continue;
    if (entry->user_data == waker_tag_) waker_.drain();
    batch_.push_back({.tag = entry->user_data,
                      .result = entry->res,
                      .more = (entry->flags & IORING_CQE_F_MORE) != 0,
                      .has_buffer = (entry->flags & IORING_CQE_F_BUFFER) != 0,
                      .buffer = static_cast<std::uint16_t>(entry->flags >> IORING_CQE_BUFFER_SHIFT)});
  }
  io_uring_cq_advance(ring_.get(), seen);
}

}  // namespace

Result<std::unique_ptr<Uring>> Uring::create(const UringSettings& settings) {
  auto ring = std::make_unique<LiveRing>(settings);
  ANCHORD_TRY(ring->open(settings));
  return ring;
}

}  // namespace anchord::io
