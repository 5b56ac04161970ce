// The simulated ring's datagrams: what becomes of them on their way, in both
// directions, and how the kernel takes and refuses those that are sent.
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "anchord/io/uring.h"
#include "packet_info.h"
#include "sim_die.h"
#include "sim_flatten.h"
#include "sim_ring.h"

namespace anchord::io {
namespace {

// The headers of IPv6 and UDP.
constexpr std::size_t kHeaders = 48;

struct Control {
  Host from;
  std::size_t segment = 0;  // 0: one datagram
};

Control control_of(const msghdr& message) {
  Control out;
  auto* mutable_message = const_cast<msghdr*>(&message);
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(mutable_message, at)) {
    if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_SEGMENT) {
      std::uint16_t size = 0;
      std::memcpy(&size, CMSG_DATA(at), sizeof size);
      out.segment = size;
    } else {
      out.from = packet_info(*at).value_or(out.from);
    }
  }
  return out;
}

}  // namespace

template <class List>
void SimRing::deliver(List& to, typename List::value_type datagram) {
  const SimFaults& faults = settings_.faults;
  if (random_.chance(faults.lost_datagram)) return;
  if (random_.chance(faults.doubled_datagram)) to.push_back(datagram);
  auto place = to.end();
  if (random_.chance(faults.overtaking_datagram))
    place -= static_cast<std::ptrdiff_t>(random_.below(std::min(to.size(), kMaxOvertaken) + 1));
  to.insert(place, std::move(datagram));
}

void SimRing::datagram(int socket, const Address& from, Bytes bytes) {
  datagram_to(socket, from, this->socket(socket, Kind::udp_socket, "datagram").local.host, bytes);
}

void SimRing::datagram_to(int socket, const Address& from, const Host& to, Bytes bytes) {
  deliver(this->socket(socket, Kind::udp_socket, "datagram").arrivals, {from, to, to_buffer(bytes)});
  touch(socket);
}

std::vector<SimDatagram> SimRing::take_datagrams() {
  return std::exchange(sent_, {});
}

void SimRing::receive_datagram(Socket& socket, Completion completion) {
  if (!take_buffer(Group::udp, completion)) return post(socket.reader, {.result = -ENOBUFS});
  Pool& into = pool(Group::udp);
  Arrival& held = into.held[completion.buffer];
  held = std::move(socket.arrivals.front());
  socket.arrivals.pop_front();
  const std::size_t length = std::min(into.size - kDatagramOverhead, held.bytes.size());
  std::copy_n(
      held.bytes.begin(), length,
      into.memory.begin() + static_cast<std::ptrdiff_t>(completion.buffer * into.size + kDatagramOverhead));
  completion.result = static_cast<std::int32_t>(kDatagramOverhead + length);
  post(socket.reader, completion);
}

OutDatagram& SimRing::new_datagram() {
  if (datagrams_used_ == datagrams_.size()) submit();
  return datagrams_[datagrams_used_++];
}

void SimRing::send_datagram(int socket, const OutDatagram& datagram, std::uint64_t tag) {
  this->socket(socket, Kind::udp_socket, "send_datagram");
  queued_.push_back({socket, tag, &datagram, flatten(*datagram.message())});
}

void SimRing::submit() {
  for (const Queued& queued : std::exchange(queued_, {})) {
    if (flatten(*queued.datagram->message()) != queued.copy) {
      die("a datagram given to descriptor {} (tag {:#x}) changed before it was submitted", queued.socket,
          queued.tag);
    }
    send_out(queued);
  }
  datagrams_used_ = 0;
}

void SimRing::send_out(const Queued& queued) {
  const SimFaults& faults = settings_.faults;
  const Control control = control_of(*queued.datagram->message());
  const std::size_t size = queued.copy.size();
  const std::size_t segment = control.segment == 0 ? size : control.segment;
  if (size > OutDatagram::kMaxSize || segment * OutDatagram::kMaxSegments < size) {
    die("a send of {} bytes in segments of {} on descriptor {}", size, segment, queued.socket);
  }
  if (random_.chance(faults.failed_datagram)) return fail_datagram(queued.tag, ENOBUFS);
  if (control.segment != 0) {
    if (segment + kHeaders > settings_.path_mtu) return fail_datagram(queued.tag, EINVAL);
    if (random_.chance(faults.refused_segments)) return fail_datagram(queued.tag, EIO);
  }
  Address from = sockets_.at(queued.socket).local;
  if (!control.from.is_any()) from.host = control.from;
  Bytes left(queued.copy);
  do {
    const Bytes one = left.first(std::min(segment, left.size()));
    left = left.subspan(one.size());
    deliver(sent_, {queued.socket, from, queued.datagram->to(), to_buffer(one)});
  } while (!left.empty());
}

void SimRing::fail_datagram(std::uint64_t tag, int error) {
  if (tag == kIgnore) return;
  const SimFaults& faults = settings_.faults;
  const Millis delay = random_.chance(faults.late) ? random_.below(faults.max_delay + 1) : 0;
  const auto rank = faults.reorder ? static_cast<unsigned>(random_.below(kRanks)) : 0;
  posted_.emplace(CompletionKey{time_ + delay, rank, sequence_++}, Completion{.tag = tag, .result = -error});
}

}  // namespace anchord::io
