#include "anchord/io/ring.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "packet_info.h"

namespace anchord::io {
namespace {

template <class Info>
void put_control(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
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

void OutDatagram::set(const Address& to, const Host& from, bool v4_socket, std::span<const iovec> parts) {
  static_assert(sizeof control_ >= CMSG_SPACE(sizeof(in6_pktinfo)));
  assert(parts.size() <= kMaxParts);
  to_ = to;
  std::ranges::copy(parts, parts_.begin());
  control_ = {};
  message_ = {};
  message_.msg_name = &name_;
  message_.msg_namelen = to_kernel(to, v4_socket, name_);
  message_.msg_iov = parts_.data();
  message_.msg_iovlen = parts.size();
  if (from.is_any()) return;

  message_.msg_control = control_.data();
  message_.msg_controllen = control_.size();
  // An IPv6 socket takes the IPv6 form for IPv4 packets too, with a mapped address.
  if (v4_socket) {
    assert(from.is_v4());
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, from.bytes.data() + 12, sizeof info.ipi_spec_dst);
    put_control(message_, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, from.bytes.data(), sizeof info.ipi6_addr);
    info.ipi6_ifindex = to.scope;
    put_control(message_, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

std::size_t OutDatagram::size() const {
  std::size_t total = 0;
  for (std::size_t i = 0; i < message_.msg_iovlen; ++i) total += parts_[i].iov_len;
  return total;
}

}  // namespace anchord::io
