#include "setup.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bit>
#include <cassert>
#include <cerrno>
#include <system_error>

#include "anchord/base/file.h"
#include "anchord/io/uring.h"

namespace anchord::io {
namespace {

// Bursts of accepts and datagrams complete without being submitted one by one.
constexpr unsigned kCompletionsPerEntry = 4;

constexpr socklen_t kNameRoom = 32;  // a sockaddr_in6, rounded up
constexpr std::size_t kControlRoom = CMSG_SPACE(sizeof(in6_pktinfo));
static_assert(sizeof(io_uring_recvmsg_out) + kNameRoom + kControlRoom == kDatagramOverhead);
static_assert(kNameRoom % alignof(cmsghdr) == 0);

constexpr unsigned kMaxBuffers = 32768;  // what the kernel's ring of buffers can hold

// IORING_REGISTER_NAPI and its argument, as in Linux' include/uapi/linux/io_uring.h from 6.9
// on; Debian 12's liburing does not know them. Operation 0 sets the time, strategy 0 finds
// the queues by the sockets that are read from (both mean something from 6.13 on).
constexpr unsigned kRegisterNapi = 27;
struct NapiSettings {
  std::uint32_t busy_poll_micros = 0;
  std::uint8_t prefer_busy_poll = 0;
  std::uint8_t operation = 0;
  std::uint8_t padding[2] = {};
  std::uint32_t strategy = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(NapiSettings) == 16);

std::string release() {
  utsname system{};
  uname(&system);
  return system.release;
}

std::string explain_not_permitted() {
  const auto setting = read_file("/proc/sys/kernel/io_uring_disabled", 16);
  const char value = setting && !setting->empty() ? static_cast<char>((*setting)[0]) : '0';
  if (value == '0') {
    return "io_uring is switched off by a seccomp filter (a container's, or SystemCallFilter=): "
           "allow io_uring_setup, io_uring_enter and io_uring_register";
  }
  return fmt::format(
      "io_uring is switched off (kernel.io_uring_disabled = {}): "
      "sysctl -w kernel.io_uring_disabled=0",
      value);
}

}  // namespace

std::string explain_setup_error(int error) {
  switch (error) {
    case ENOSYS:
      return "this kernel has no io_uring: Linux 6.1 or newer is needed";
    case EPERM:
    case EACCES:
      return explain_not_permitted();
    case ENOMEM:
      return "not enough locked memory for io_uring: raise the limit (ulimit -l, LimitMEMLOCK=)";
    case EMFILE:
      return "too few file descriptors for io_uring: raise the limit (ulimit -n, LimitNOFILE=)";
    case ENFILE:
      return "this machine is out of file descriptors: raise fs.file-max";
    case EINVAL:
      return fmt::format("this kernel's io_uring is too old (Linux {}): Linux 6.1 or newer is needed",
                         release());
    default:
      return fmt::format("cannot set up io_uring: {}", std::generic_category().message(error));
  }
}

std::string explain_busy_poll_error(int error) {
  switch (error) {
    case EINVAL:
      return fmt::format(
          "Linux {} cannot poll network queues for io_uring: Linux 6.9 or newer is needed, or a "
          "start without --busy-poll",
          release());
    case EOPNOTSUPP:
      return "this kernel was built without CONFIG_NET_RX_BUSY_POLL and cannot poll network "
             "queues: another kernel is needed, or a start without --busy-poll";
    default:
      return fmt::format("cannot poll network queues: {}; start without --busy-poll",
                         std::generic_category().message(error));
  }
}

RawRing::~RawRing() {
  if (made_) io_uring_queue_exit(&ring_);
}

Status RawRing::open(unsigned entries) {
  io_uring_params params{};
  params.flags =
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = entries * kCompletionsPerEntry;
  if (const int error = io_uring_queue_init_params(entries, &ring_, &params); error < 0) {
    return fail(explain_setup_error(-error));
  }
  made_ = true;
  // Saves a look-up per system call; without it everything works the same.
  io_uring_register_ring_fd(&ring_);
  return {};
}

Status RawRing::poll_queues(unsigned micros) {
  NapiSettings settings{.busy_poll_micros = micros};
  if (syscall(__NR_io_uring_register, ring_.ring_fd, kRegisterNapi, &settings, 1) == 0) return {};
  return fail(explain_busy_poll_error(errno));
}

BufferRing::~BufferRing() {
  if (memory_ != nullptr) munmap(memory_, memory_size_);
}

Status BufferRing::open(io_uring* ring, Group group, unsigned count, unsigned size) {
  assert(std::has_single_bit(count) && count <= kMaxBuffers && size % 8 == 0);
  const std::size_t entries_size = (count * sizeof(io_uring_buf) + 4095) / 4096 * 4096;
  memory_size_ = entries_size + std::size_t{count} * size;
  void* memory = mmap(nullptr, memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail_errno("cannot allocate io_uring's buffers", errno);
  // The kernel takes the buffers in turn, so that each is cold when it comes: in huge pages
  // it is at least found without a walk through the page tables. Without them it is slower.
  madvise(memory, memory_size_, MADV_HUGEPAGE);
  madvise(memory, memory_size_, MADV_POPULATE_WRITE);
  memory_ = memory;
  entries_ = static_cast<io_uring_buf_ring*>(memory);
  buffers_ = static_cast<std::uint8_t*>(memory) + entries_size;
  count_ = count;
  size_ = size;

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries_);
  registration.ring_entries = count;
  registration.bgid = static_cast<std::uint16_t>(group);
  if (const int error = io_uring_register_buf_ring(ring, &registration, 0); error < 0) {
    return fail(explain_setup_error(-error));
  }
  io_uring_buf_ring_init(entries_);
  for (unsigned id = 0; id < count; ++id) give_back(static_cast<std::uint16_t>(id));
  flush();
  return {};
}

void BufferRing::give_back(std::uint16_t id) {
  assert(id < count_ && pending_ < static_cast<int>(count_));
  io_uring_buf_ring_add(entries_, at(id).data(), size_, id, io_uring_buf_ring_mask(count_), pending_++);
}

void BufferRing::flush() {
  if (pending_ == 0) return;
  io_uring_buf_ring_advance(entries_, pending_);
  pending_ = 0;
}

MutableBytes BufferRing::at(std::uint16_t id) const {
  assert(id < count_);
  return {buffers_ + std::size_t{id} * size_, size_};
}

msghdr datagram_shape() {
  msghdr out{};
  out.msg_namelen = kNameRoom;
  out.msg_controllen = kControlRoom;
  return out;
}

}  // namespace anchord::io
