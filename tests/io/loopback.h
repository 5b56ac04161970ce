// Plain blocking sockets on loopback, for the other end of a test.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <string>

#include "../time_bound.h"
#include "anchord/io/socket.h"

namespace anchord::io {

inline Address loopback(std::uint16_t port) {
  return {.host = parse_host("127.0.0.1").value(), .port = port};
}

inline bool have_ipv6() {
  return listen_tcp({.host = parse_host("::1").value()}, 1).has_value();
}

// A broken ring must fail a test, not hang it.
inline void limit_receives(const FileDescriptor& socket) {
  const timeval limit{.tv_sec = static_cast<time_t>(time_bound() / 1000), .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

inline FileDescriptor client(const Address& to, int type) {
  const bool v4 = to.host.is_v4();
  FileDescriptor out(::socket(v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
  limit_receives(out);
  sockaddr_storage name;
  const socklen_t length = to_kernel(to, v4, name);
  EXPECT_EQ(::connect(out.get(), reinterpret_cast<sockaddr*>(&name), length), 0);
  return out;
}

inline void put(const FileDescriptor& to, const std::string& text) {
  EXPECT_EQ(::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// One receive: "" at the end of the stream.
inline std::string take(const FileDescriptor& from) {
  std::string out(65536, '\0');
  const ssize_t got = ::recv(from.get(), out.data(), out.size(), 0);
  EXPECT_GE(got, 0) << "nothing came";
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

}  // namespace anchord::io
