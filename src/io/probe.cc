#include "anchord/io/probe.h"

#include <fmt/core.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "anchord/base/file.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/io/uring.h"
#include "setup.h"

namespace anchord::io {
namespace {

constexpr unsigned kProbeEntries = 8;
constexpr unsigned kProbeBuffers = 8;
constexpr unsigned kProbeBufferSize = 256;

struct Operation {
  int code;
  const char* name;
};
constexpr Operation kNeeded[] = {
    {IORING_OP_ACCEPT, "accept"},       {IORING_OP_RECV, "recv"},       {IORING_OP_RECVMSG, "recvmsg"},
    {IORING_OP_SEND, "send"},           {IORING_OP_SENDMSG, "sendmsg"}, {IORING_OP_POLL_ADD, "poll"},
    {IORING_OP_ASYNC_CANCEL, "cancel"}, {IORING_OP_CLOSE, "close"},
};

Status check_operations(io_uring* ring) {
  io_uring_probe* probe = io_uring_get_probe_ring(ring);
  if (probe == nullptr) return fail("cannot ask io_uring for its operations: Linux 6.1 or newer is needed");
  const auto* missing = std::ranges::find_if(
      kNeeded, [&](const Operation& op) { return io_uring_opcode_supported(probe, op.code) == 0; });
  io_uring_free_probe(probe);
  if (missing == std::end(kNeeded)) return {};
  return fail(fmt::format("this kernel's io_uring has no {}: Linux 6.1 or newer is needed", missing->name));
}

// The newest thing that is needed, and one that no flag announces: receives a
// message and sees that the operation goes on.
Status check_multishot_recvmsg(io_uring* ring) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_errno("cannot make a socket pair to try io_uring with", errno);
  }
  const FileDescriptor reader(ends[0]);
  const FileDescriptor writer(ends[1]);
  if (::send(writer.get(), "x", 1, 0) != 1) return fail_errno("cannot send to a socket pair", errno);

  msghdr shape = datagram_shape();
  io_uring_sqe* entry = io_uring_get_sqe(ring);
  io_uring_prep_recvmsg_multishot(entry, reader.get(), &shape, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = static_cast<std::uint16_t>(Group::udp);
  io_uring_cqe* completion = nullptr;
  __kernel_timespec limit{.tv_sec = 1, .tv_nsec = 0};
  const int done = io_uring_submit_and_wait_timeout(ring, &completion, 1, &limit, nullptr);
  if (done < 0 || completion == nullptr) {
    return fail(fmt::format("io_uring does not answer: {}", std::strerror(done < 0 ? -done : ETIME)));
  }
  const bool works = completion->res > 0 && (completion->flags & IORING_CQE_F_MORE) != 0 &&
                     (completion->flags & IORING_CQE_F_BUFFER) != 0;
  io_uring_cqe_seen(ring, completion);
  if (!works) return fail("this kernel's io_uring has no multishot recvmsg: Linux 6.1 or newer is needed");
  return {};
}

// Whether the kernel takes GSO batches. Without them each datagram is a send of its own.
bool can_segment() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int size = 512;
  return setsockopt(socket.get(), SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0;
}

// Whether the kernel gives huge pages. Without them memory that is seldom used is found more slowly.
bool gives_huge_pages() {
  const auto choice = read_file("/sys/kernel/mm/transparent_hugepage/enabled", 256);
  return choice && (as_text(*choice).contains("[madvise]") || as_text(*choice).contains("[always]"));
}

}  // namespace

Result<KernelSupport> probe_kernel() {
  BufferRing buffers;
  RawRing ring;
  ANCHORD_TRY(ring.open(kProbeEntries));
  ANCHORD_TRY(check_operations(ring.get()));
  ANCHORD_TRY(buffers.open(ring.get(), Group::udp, kProbeBuffers, kProbeBufferSize));
  ANCHORD_TRY(check_multishot_recvmsg(ring.get()));

  utsname system{};
  uname(&system);
  KernelSupport out;
  out.release = system.release;
  out.busy_poll = ring.poll_queues(kMaxBusyPoll);
  out.huge_pages = gives_huge_pages();
  out.lines = {
      fmt::format("io_uring: Linux {}: a single issuer with deferred completions, provided buffer rings, "
                  "multishot recv and recvmsg are used",
                  out.release),
      "io_uring: kernel polling of submissions is not used: it would take a core from each shard",
      "io_uring: zero-copy sends are not used: answers are smaller than what they pay off for",
      can_segment() ? "UDP: a TFTP window leaves as one send (UDP_SEGMENT)"
                    : "UDP: this kernel has no UDP_SEGMENT: a TFTP window leaves block by block",
      out.busy_poll ? "network: --busy-poll is offered: queues are polled before a shard sleeps"
                    : "network: --busy-poll is not offered: " + out.busy_poll.error().text,
      out.huge_pages ? "memory: certificates and receive buffers are in huge pages"
                     : "memory: the kernel gives no huge pages (transparent_hugepage)",
  };
  return out;
}

}  // namespace anchord::io
