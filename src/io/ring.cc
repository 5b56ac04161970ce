#include "anchord/io/ring.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "packet_info.h"

namespace anchord::io {
namespace {

template <class Info>
void add_control(msghdr& message, int level, int type, const Info& info) {
  auto* header =
      reinterpret_cast<cmsghdr*>(static_cast<std::uint8_t*>(message.msg_control) + message.msg_controllen);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
  message.msg_controllen += CMSG_SPACE(sizeof info);
}

}  // namespace

std::optional<Host> packet_info(const cmsghdr& control) {
  sockaddr_storage out{};
  if (control.cmsg_level == IPPROTO_IP && control.cmsg_type == IP_PKTINFO) {
    in_pktinfo info;
    std::memcpy(&info, CMSG_DATA(&control), sizeof info);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    // Not ipi_addr: that one may be a broadcast address, which nobody can send from.
    v4.sin_addr = info.ipi_spec_dst;
    std::memcpy(&out, &v4, sizeof v4);
    return from_kernel(out).host;
  }
  if (control.cmsg_level == IPPROTO_IPV6 && control.cmsg_type == IPV6_PKTINFO) {
    in6_pktinfo info;
    std::memcpy(&info, CMSG_DATA(&control), sizeof info);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = info.ipi6_addr;
    std::memcpy(&out, &v6, sizeof v6);
    return from_kernel(out).host;
  }
  return std::nullopt;
}

void OutDatagram::start(const Address& to, const Host& from, bool v4_socket) {
  to_ = to;
  room_used_ = 0;
  message_ = {.msg_name = &name_,
              .msg_namelen = to_kernel(to, v4_socket, name_),
              .msg_iov = parts_.data(),
              .msg_control = control_.data()};
  if (from.is_any()) return;
  // An IPv6 socket takes the IPv6 form for IPv4 packets too, with a mapped address.
  if (v4_socket) {
    assert(from.is_v4());
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, from.bytes.data() + 12, sizeof info.ipi_spec_dst);
    add_control(message_, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, from.bytes.data(), sizeof info.ipi6_addr);
    info.ipi6_ifindex = to.scope;
    add_control(message_, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void OutDatagram::add(const std::uint8_t* bytes, std::size_t size) {
  if (message_.msg_iovlen > 0) {
    iovec& last = parts_[message_.msg_iovlen - 1];
    if (static_cast<std::uint8_t*>(last.iov_base) + last.iov_len == bytes) {
      last.iov_len += size;
      return;
    }
  }
  assert(message_.msg_iovlen < kMaxParts);
  parts_[message_.msg_iovlen++] = {const_cast<std::uint8_t*>(bytes), size};
}

void OutDatagram::refer(Bytes bytes) {
  if (!bytes.empty()) add(bytes.data(), bytes.size());
}

void OutDatagram::copy(Bytes bytes) {
  assert(bytes.size() <= kRoom - room_used_);
  std::ranges::copy(bytes, room().begin());
  copied(bytes.size());
}

void OutDatagram::copied(std::size_t size) {
  assert(size <= kRoom - room_used_);
  if (size > 0) add(room().data(), size);
  room_used_ += size;
}

void OutDatagram::segment(std::uint16_t size) {
  add_control(message_, SOL_UDP, UDP_SEGMENT, size);
}

void IovecList::set(std::span<const Bytes> pieces) {
  assert(pieces.size() <= kMaxParts);
  std::size_t count = 0;
  for (const Bytes piece : pieces) {
    if (!piece.empty()) parts_[count++] = {const_cast<std::uint8_t*>(piece.data()), piece.size()};
  }
  message_ = {.msg_iov = parts_.data(), .msg_iovlen = count};
}

}  // namespace anchord::io
