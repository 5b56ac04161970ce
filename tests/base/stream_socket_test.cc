#include "anchord/base/stream_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "time_bound.h"

namespace anchord {
namespace {

// Listens on a port of loopback.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_.get(), 8), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }
  FileDescriptor accept() const { return FileDescriptor(::accept(fd_.get(), nullptr, nullptr)); }

 private:
  FileDescriptor fd_;
  std::uint16_t port_ = 0;
};

StreamSocket connect(const Listener& listener) {
  return StreamSocket::connect("127.0.0.1", listener.port(), monotonic_now() + time_bound()).value();
}

TEST(StreamSocket, SendsAndReceives) {
  const Listener listener;
  StreamSocket socket = connect(listener);
  const FileDescriptor peer = listener.accept();
  ASSERT_TRUE(socket.send_all(as_bytes("question")));
  std::array<std::uint8_t, 100> room;
  EXPECT_EQ(::recv(peer.get(), room.data(), room.size(), 0), 8);
  EXPECT_TRUE(socket.quiet());
  EXPECT_EQ(::send(peer.get(), "answer", 6, 0), 6);
  EXPECT_FALSE(socket.quiet());
  const auto count = socket.receive(room);
  ASSERT_TRUE(count);
  EXPECT_EQ(as_text(Bytes(room).first(*count)), "answer");
  EXPECT_TRUE(socket.quiet());
  ::shutdown(peer.get(), SHUT_RDWR);
  EXPECT_FALSE(socket.quiet());
  EXPECT_EQ(socket.receive(room).value(), 0U);
}

TEST(StreamSocket, EveryWaitEndsAtTheDeadline) {
  const Listener listener;
  StreamSocket socket = connect(listener);
  socket.set_deadline(monotonic_now() + 50);
  std::array<std::uint8_t, 1> room;
  const auto none = socket.receive(room);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text, "timed out");
  // Nobody takes what is sent.
  const Buffer much(64 << 20);
  const Status sent = socket.send_all(much);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().text, "timed out");
}

TEST(StreamSocket, NamesAndAddresses) {
  const Listener listener;
  const Millis deadline = monotonic_now() + time_bound();
  EXPECT_TRUE(StreamSocket::connect("localhost", listener.port(), deadline));
  const auto none = StreamSocket::connect("no such host", listener.port(), deadline);
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().text.starts_with("no address for this host: ")) << none.error().text;
  const auto late = StreamSocket::connect("localhost", listener.port(), monotonic_now());
  ASSERT_FALSE(late);
}

}  // namespace
}  // namespace anchord
