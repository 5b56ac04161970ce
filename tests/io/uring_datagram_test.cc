#include <arpa/inet.h>

#include "uring_fixture.h"

namespace anchord::io {
namespace {

class UringDatagramTest : public UringTest {
 protected:
  Descriptor bound(const char* host) {
    return bind_udp({.host = parse_host(host).value()}, 1 << 16, false).value();
  }
  Datagram look(const Completion& c) { return ring_->datagram(c); }

  // Sends to our socket on `host`, and back from where it was sent to.
  void echo(const Descriptor& socket, const char* host) {
    const Address at{.host = parse_host(host).value(), .port = local_address(socket.get()).port};
    auto other = client(at, SOCK_DGRAM);  // connected: takes packets from `at` only
    put(other, "request");
    auto got = next(1).value();
    ASSERT_GT(got.result, 0);
    const Datagram in = look(got);
    ASSERT_TRUE(in.valid);
    EXPECT_FALSE(in.truncated);
    EXPECT_EQ(as_text(in.payload), "request");
    EXPECT_EQ(in.from, local_address(other.get()));
    EXPECT_EQ(in.to, at.host) << in.to.text();

    OutDatagram out;
    char head[] = "ans";
    char tail[] = "wer";
    const std::array parts = {iovec{head, 3}, iovec{tail, 3}};
    out.set(in.from, in.to, is_v4_socket(socket.get()), parts);
    ring_->recycle(Group::udp, got.buffer);
    ring_->send_datagram(socket.get(), out, 2);
    EXPECT_EQ(next(2).value().result, 6);
    EXPECT_EQ(take(other), "answer");
  }
};

TEST_F(UringDatagramTest, AnswersFromTheAddressThatWasAsked) {
  auto socket = bound("0.0.0.0");
  ring_->receive_datagrams(socket.get(), 1);
  echo(socket, "127.0.0.1");
  echo(socket, "127.0.0.2");
}

TEST_F(UringDatagramTest, AnswersOnBothStacksOfOneSocket) {
  if (!have_ipv6()) GTEST_SKIP() << "no IPv6 on this machine";
  auto socket = bound("::");
  ring_->receive_datagrams(socket.get(), 1);
  echo(socket, "127.0.0.2");
  echo(socket, "::1");
}

TEST_F(UringDatagramTest, SaysWhenADatagramWasLongerThanTheBuffer) {
  auto socket = bound("127.0.0.1");
  ring_->receive_datagrams(socket.get(), 1);
  auto other = client(local_address(socket.get()), SOCK_DGRAM);
  const std::size_t room = 256 - kDatagramOverhead;
  put(other, std::string(room, 'f'));
  put(other, std::string(room + 1, 'l'));
  put(other, "");
  auto fits = next(1).value();
  EXPECT_EQ(look(fits).payload.size(), room);
  EXPECT_FALSE(look(fits).truncated);
  auto is_cut = next(1).value();
  ASSERT_TRUE(look(is_cut).valid);
  EXPECT_EQ(as_text(look(is_cut).payload), std::string(room, 'l'));
  EXPECT_TRUE(look(is_cut).truncated);
  auto empty = next(1).value();
  ASSERT_TRUE(look(empty).valid);
  EXPECT_TRUE(look(empty).payload.empty());
}

TEST_F(UringDatagramTest, RunsOutOfBuffersAndGoesOn) {
  auto socket = bound("127.0.0.1");
  auto other = client(local_address(socket.get()), SOCK_DGRAM);
  ring_->receive_datagrams(socket.get(), 1);
  for (int i = 0; i < 6; ++i) put(other, std::string(1, static_cast<char>('0' + i)));
  std::string seen;
  std::vector<std::uint16_t> held;
  Completion c = next(1).value();
  for (; c.result >= 0; c = next(1).value()) {
    seen += as_text(look(c).payload);
    held.push_back(c.buffer);
  }
  EXPECT_EQ(c.result, -ENOBUFS);
  EXPECT_FALSE(c.more);
  EXPECT_FALSE(look(c).valid);
  EXPECT_EQ(seen, "0123");
  for (const std::uint16_t id : held) ring_->recycle(Group::udp, id);
  ring_->receive_datagrams(socket.get(), 1);
  seen += as_text(look(next(1).value()).payload);
  seen += as_text(look(next(1).value()).payload);
  EXPECT_EQ(seen, "012345");
}

TEST_F(UringDatagramTest, AFloodOnUdpLeavesTcpItsBuffers) {
  auto socket = bound("127.0.0.1");
  auto other = client(local_address(socket.get()), SOCK_DGRAM);
  ring_->receive_datagrams(socket.get(), 1);
  for (int i = 0; i < 6; ++i) put(other, "flood");
  while (next(1).value().result >= 0) {
  }
  auto [ours, tcp] = connection();
  ring_->receive(ours, 2);
  put(tcp, "calm");
  EXPECT_EQ(next(2).value().result, 4);
}

TEST_F(UringDatagramTest, ARefusedSourceAddressIsAnErrorOfThatSend) {
  auto socket = bound("0.0.0.0");
  OutDatagram out;
  char byte = 'x';
  const std::array parts = {iovec{&byte, 1}};
  out.set(loopback(9), parse_host("192.0.2.1").value(), true, parts);
  ring_->send_datagram(socket.get(), out, 2);
  EXPECT_LT(next(2).value().result, 0);
}

}  // namespace
}  // namespace anchord::io
