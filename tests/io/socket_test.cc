#include "anchord/io/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "loopback.h"

namespace anchord::io {
namespace {

int option(const FileDescriptor& fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(getsockopt(fd.get(), level, name, &value, &length), 0);
  return value;
}

TEST(ListenTcp, SharesItsPortAndSetsNoDelay) {
  auto first = listen_tcp(loopback(0), 16).value();
  const Address at = local_address(first.get());
  EXPECT_NE(at.port, 0);
  EXPECT_TRUE(is_v4_socket(first.get()));
  EXPECT_EQ(option(first, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(fcntl(first.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(first.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(listen_tcp(at, 16));
}

TEST(ListenTcp, NamesTheAddressAndTheReason) {
  auto alone = listen_tcp(loopback(0), 16, false).value();
  const Address taken = local_address(alone.get());
  auto failed = listen_tcp(taken, 16);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().text, "cannot listen on " + taken.text() + " (TCP): Address already in use");
  EXPECT_FALSE(listen_tcp({.host = parse_host("192.0.2.1").value(), .port = 0}, 16));
}

TEST(BindUdp, TellsLocalAddressesWhereThereAreSeveral) {
  auto all = bind_udp({.host = parse_host("0.0.0.0").value()}, 50000, false).value();
  EXPECT_EQ(option(all, IPPROTO_IP, IP_PKTINFO), 1);
  auto one = bind_udp(loopback(0), 50000, false).value();
  EXPECT_EQ(option(one, IPPROTO_IP, IP_PKTINFO), 0);
}

TEST(BindUdp, SetsTheBufferAndTakesItsPortAlone) {
  auto socket = bind_udp(loopback(0), 50000, false).value();
  EXPECT_GE(option(socket, SOL_SOCKET, SO_RCVBUF), 50000);
  const Address at = local_address(socket.get());
  auto failed = bind_udp(at, 50000, true);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().text, "cannot listen on " + at.text() + " (UDP): Address already in use");
}

TEST(BindUdp, SharesItsPortWhenAsked) {
  auto first = bind_udp(loopback(0), 50000, true).value();
  EXPECT_TRUE(bind_udp(local_address(first.get()), 50000, true));
}

TEST(Sockets, OnlyTheWildcardIsDualStack) {
  if (!have_ipv6()) GTEST_SKIP() << "no IPv6 on this machine";
  auto any = listen_tcp({.host = parse_host("::").value()}, 16).value();
  EXPECT_EQ(option(any, IPPROTO_IPV6, IPV6_V6ONLY), 0);
  EXPECT_FALSE(is_v4_socket(any.get()));
  auto one = bind_udp({.host = parse_host("::1").value()}, 50000, false).value();
  EXPECT_EQ(option(one, IPPROTO_IPV6, IPV6_V6ONLY), 1);
  auto any_udp = bind_udp({.host = parse_host("::").value()}, 50000, false).value();
  EXPECT_EQ(option(any_udp, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
  EXPECT_EQ(option(one, IPPROTO_IPV6, IPV6_RECVPKTINFO), 0);
}

TEST(LocalAddress, IsEmptyForWhatIsNoSocket) {
  EXPECT_EQ(local_address(-1), Address{});
  EXPECT_FALSE(is_v4_socket(-1));
}

TEST(Waker, CountsManyWakesAsOneAndKeepsErrno) {
  auto waker = Waker::create().value();
  pollfd readable{.fd = waker.descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&readable, 1, 0), 0);
  errno = EDOM;
  waker.wake();
  waker.wake();
  EXPECT_EQ(errno, EDOM);
  EXPECT_EQ(poll(&readable, 1, 0), 1);
  waker.drain();
  EXPECT_EQ(poll(&readable, 1, 0), 0);
  waker.drain();
}

TEST(DescriptorLimit, IsRaisedToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lowered{.rlim_cur = before.rlim_max / 2, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace anchord::io
