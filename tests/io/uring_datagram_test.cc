#include <arpa/inet.h>

#include <algorithm>

#include "uring_fixture.h"

namespace anchord::io {
namespace {

class UringDatagramTest : public UringTest {
 protected:
  FileDescriptor bound(const char* host) {
    return bind_udp({.host = parse_host(host).value()}, 1 << 16, false).value();
  }
  Datagram look(const Completion& c) { return ring_->datagram(c); }

  // Sends to our socket on `host`, and back from where it was sent to.
  void echo(const FileDescriptor& socket, const char* host) {
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

    OutDatagram& out = answer(in, socket);
    out.copy(as_bytes("ans"));
    out.refer(as_bytes("wer"));
    ring_->recycle(Group::udp, got.buffer);
    ring_->send_datagram(socket.get(), out, 2);
    ring_->submit();
    EXPECT_EQ(take(other), "answer");
  }
  OutDatagram& answer(const Datagram& to, const FileDescriptor& socket) {
    OutDatagram& out = ring_->new_datagram();
    out.start(to.from, to.to, is_v4_socket(socket.get()));
    return out;
  }

  // Asks on `host`, and is sent `blocks` of `size` bytes as one send, the last but half
  // as long. What arrived.
  std::vector<std::string> gso_batch(const char* host, std::size_t blocks, std::size_t size,
                                     std::optional<std::int32_t> failure = {}) {
    auto socket = bound(parse_host(host).value().is_v4() ? "0.0.0.0" : "::");
    const Address at{.host = parse_host(host).value(), .port = local_address(socket.get()).port};
    auto other = client(at, SOCK_DGRAM);
    ring_->receive_datagrams(socket.get(), 1);
    put(other, "request");
    auto got = next(1).value();
    OutDatagram& out = answer(look(got), socket);
    ring_->recycle(Group::udp, got.buffer);
    Buffer bytes(blocks * size - size / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>('a' + i / size);
    for (std::size_t i = 0; i < bytes.size(); i += size) {
      out.copy(Bytes(bytes).subspan(i, 2));
      out.refer(Bytes(bytes).subspan(i + 2, std::min(size, bytes.size() - i) - 2));
    }
    out.segment(static_cast<std::uint16_t>(size));
    ring_->send_datagram(socket.get(), out, 2);
    ring_->submit();
    std::ranges::fill(bytes, 'x');  // it was copied
    std::vector<std::string> arrived;
    if (failure) {
      EXPECT_EQ(next(2).value().result, *failure);
    } else {
      for (std::size_t i = 0; i < blocks; ++i) arrived.push_back(take(other));
    }
    ring_->cancel(1);
    EXPECT_FALSE(next(1).value().more);
    return arrived;
  }
  void expect_row(const char* host, std::size_t blocks, std::size_t size) {
    auto arrived = gso_batch(host, blocks, size);
    ASSERT_EQ(arrived.size(), blocks);
    for (std::size_t i = 0; i < blocks; ++i) {
      std::size_t expected = i + 1 < blocks ? size : size - size / 2;
      ASSERT_EQ(arrived[i], std::string(expected, static_cast<char>('a' + i))) << i;
    }
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
  OutDatagram& out = ring_->new_datagram();
  out.start(loopback(9), parse_host("192.0.2.1").value(), true);
  out.copy(as_bytes("x"));
  ring_->send_datagram(socket.get(), out, 2);
  EXPECT_LT(next(2).value().result, 0);
}

TEST_F(UringDatagramTest, MoreThanAreQueuedLeaveInOrder) {
  auto socket = bound("127.0.0.1");
  auto other = bound("127.0.0.1");
  limit_receives(other);
  // More than the ring's entries and its datagrams, one of the entries something else.
  for (std::uint32_t i = 0; i < 1000; ++i) {
    OutDatagram& out = ring_->new_datagram();
    out.start(local_address(other.get()), {}, true);
    out.copy(Bytes(reinterpret_cast<const std::uint8_t*>(&i), sizeof i));
    if (i == 3) ring_->receive_datagrams(socket.get(), 1);
    ring_->send_datagram(socket.get(), out, 2);
    if (i % 100 != 99) continue;
    ring_->submit();
    for (std::uint32_t expected = i - 99; expected <= i; ++expected) {
      std::uint32_t got = 0;
      ASSERT_EQ(::recv(other.get(), &got, sizeof got, 0), static_cast<ssize_t>(sizeof got));
      ASSERT_EQ(got, expected);
    }
  }
}

TEST_F(UringDatagramTest, ARowOfDatagramsIsOneSend) {
  for (const char* host : {"127.0.0.1", "127.0.0.2", "::1"}) {
    if (host == std::string_view("::1") && !have_ipv6()) continue;
    SCOPED_TRACE(host);
    expect_row(host, 2, 12);
    expect_row(host, 16, 1432);
    expect_row(host, OutDatagram::kMaxSegments, 516);
    expect_row(host, 45, 1432);  // 64 KB but for little
  }
}

TEST_F(UringDatagramTest, ARowThatDoesNotFitIsRefused) {
  gso_batch("127.0.0.1", 2, 50'000, -EMSGSIZE);
  // One alone may be as long as any packet.
  EXPECT_EQ(gso_batch("127.0.0.1", 1, 65'507).at(0).size(), 65'507u - 65'507u / 2);
}

}  // namespace
}  // namespace anchord::io
