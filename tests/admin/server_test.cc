// The endpoint over loopback, among clients who want something and clients who only want to be in the way.
#include "anchord/admin/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "anchord/base/stream_socket.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/crypto/tls_connection.h"
#include "anchord/io/address.h"
#include "anchord/io/socket.h"
#include "connection.h"
#include "time_bound.h"

namespace anchord::admin::test {
namespace {

const std::string kToken = "0123456789abcdef";

std::string get(std::string_view path, std::string_view more = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + std::string(more) + "\r\n";
}

std::vector<Route> routes() {
  return {
      {.path = "/", .open = true, .answer = [](const Request&) { return Page{.body = "page"}; }},
      {.path = "/large", .answer = [](const Request&) { return Page{.body = std::string(kMaxAnswer, 'x')}; }},
      {.path = "/larger",
       .answer = [](const Request&) { return Page{.body = std::string(kMaxAnswer + 1, 'x')}; }},
      {.path = "/below/",
       .answer = [](const Request& request) { return Page{.body = std::string(request.rest)}; }}};
}

class AdminServer : public testing::Test {
 protected:
  void start(Access access = {}) {
    FileDescriptor listener = io::listen_tcp({.host = *io::parse_host("127.0.0.1")}, 128, false).value();
    port_ = io::local_address(listener.get()).port;
    server_ = Server::start(std::move(listener), std::move(access), routes(), [] {}).value();
  }
  StreamSocket connect() const {
    return StreamSocket::connect("127.0.0.1", port_, monotonic_now() + time_bound()).value();
  }
  // What comes until `end` has come, or the server ends the connection.
  template <class Peer>
  static std::string take(Peer& peer, std::string_view end) {
    std::string out;
    std::array<std::uint8_t, 65536> room;
    auto more = [&]() -> Result<std::size_t> {
      if constexpr (requires { peer.receive(room); })
        return peer.receive(room);
      else
        return peer.read(room);
    };
    while (end.empty() || !out.ends_with(end)) {
      const auto count = more();
      if (!count || *count == 0) return out;
      out += as_text(Bytes(room).first(*count));
    }
    return out;
  }
  std::string ask(std::string_view request) const {
    StreamSocket socket = connect();
    EXPECT_TRUE(socket.send_all(as_bytes(request)));
    return take(socket, "");
  }
  // The status of a connection's only answer.
  std::string status(std::string_view path, std::string_view more = "") const {
    return ask(get(path, std::string(more) + "Connection: close\r\n")).substr(9, 3);
  }

  std::uint16_t port_ = 0;
  std::unique_ptr<Server> server_;
};

TEST_F(AdminServer, Answers) {
  start();
  const std::string page = ask(get("/", "Connection: close\r\n"));
  EXPECT_TRUE(page.starts_with("HTTP/1.1 200 OK\r\n")) << page;
  EXPECT_TRUE(page.ends_with("\r\n\r\npage")) << page;
  EXPECT_TRUE(page.contains("Content-Security-Policy: default-src 'none';")) << page;
  EXPECT_FALSE(page.contains("unsafe-inline"));
  const std::string head = ask("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.contains("Content-Length: 4\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  EXPECT_TRUE(ask(get("/below/a%20b", "Connection: close\r\n")).ends_with("\r\n\r\na b"));
  EXPECT_EQ(status("/other"), "404");
}

TEST_F(AdminServer, AnswersManyRequestsOfAConnection) {
  start();
  StreamSocket socket = connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(socket.send_all(as_bytes(get("/"))));
    EXPECT_TRUE(take(socket, "page").starts_with("HTTP/1.1 200"));
  }
  // All at once, too, the last of them in two parts.
  std::string many;
  for (int i = 0; i < 20; ++i) many += get("/");
  ASSERT_TRUE(socket.send_all(as_bytes(many + "GET /below/")));
  ASSERT_TRUE(socket.send_all(as_bytes("nd HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")));
  const std::string all = take(socket, "");
  std::size_t answers = 0;
  for (std::size_t at = all.find("HTTP/1.1 200"); at != all.npos; at = all.find("HTTP/1.1 200", at + 1))
    ++answers;
  EXPECT_EQ(answers, 21u);
  EXPECT_TRUE(all.ends_with("\r\n\r\nnd")) << all.substr(all.size() - 100);
}

TEST_F(AdminServer, RefusesWhatIsNoRequestAndEndsTheConnection) {
  start();
  EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").substr(9, 3), "413");
  EXPECT_EQ(ask("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n").substr(9, 3), "405");
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(100'000, 'x')).substr(9, 3), "431");
  EXPECT_EQ(ask("nonsense\r\n\r\n").substr(9, 3), "400");
  EXPECT_EQ(server_->counts().refused, 4u);
  EXPECT_EQ(status("/"), "200");
}

TEST_F(AdminServer, WantsItsTokenButForOpenPages) {
  start({.tls = {}, .token = crypto::Secret(to_buffer(as_bytes(kToken)))});
  EXPECT_EQ(status("/"), "200");
  EXPECT_EQ(status("/large"), "401");
  EXPECT_EQ(status("/other"), "401");
  EXPECT_EQ(status("/large", "Authorization: Bearer " + kToken + "x\r\n"), "401");
  EXPECT_EQ(status("/large", "Authorization: Bearer \r\n"), "401");
  EXPECT_EQ(status("/large", "Authorization: Basic " + kToken + "\r\n"), "401");
  EXPECT_EQ(server_->counts().denied, 5u);
  EXPECT_EQ(status("/large", "Authorization: Bearer " + kToken + "\r\n"), "200");
  EXPECT_EQ(status("/large", "authorization: bearer " + kToken + "\r\n"), "200");
}

TEST_F(AdminServer, IsNotAskedByAnothersName) {
  start();
  for (const char* name : {"evil.example.com", "localhost.example.com", "[x]", "[::1"}) {
    EXPECT_EQ(
        ask("GET / HTTP/1.1\r\nHost: " + std::string(name) + "\r\nConnection: close\r\n\r\n").substr(9, 3),
        "421")
        << name;
  }
  for (const char* name : {"localhost", "localhost:9445", "192.0.2.1:80", "[::1]:9445"}) {
    EXPECT_EQ(
        ask("GET / HTTP/1.1\r\nHost: " + std::string(name) + "\r\nConnection: close\r\n\r\n").substr(9, 3),
        "200")
        << name;
  }
}

TEST_F(AdminServer, GivesNoAnswerThatIsTooLarge) {
  start();
  EXPECT_EQ(status("/larger"), "503");
  EXPECT_EQ(server_->counts().shed, 1u);
  EXPECT_EQ(ask(get("/large", "Connection: close\r\n")).size() / 1000, kMaxAnswer / 1000);
}

// Who reads nothing, and has no room for it.
FileDescriptor deaf_client(std::uint16_t port) {
  FileDescriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  constexpr int kLittle = 4096;
  ::setsockopt(out.get(), SOL_SOCKET, SO_RCVBUF, &kLittle, sizeof kLittle);
  sockaddr_storage name{};
  const socklen_t length = io::to_kernel({.host = *io::parse_host("127.0.0.1"), .port = port}, true, name);
  EXPECT_EQ(::connect(out.get(), reinterpret_cast<const sockaddr*>(&name), length), 0);
  const std::string request = get("/large");
  EXPECT_EQ(::send(out.get(), request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  return out;
}

TEST_F(AdminServer, LetsNobodyPileUpAnswers) {
  start();
  std::vector<FileDescriptor> deaf;
  const std::size_t most = kMaxUntaken / kMaxAnswer + 2;
  while (server_->counts().shed == 0 && deaf.size() < most) {
    deaf.push_back(deaf_client(port_));
    while (server_->counts().requests < deaf.size()) ::poll(nullptr, 0, 1);
  }
  EXPECT_EQ(server_->counts().shed, 1u);
  EXPECT_GT(deaf.size(), kMaxUntaken / kMaxAnswer);
  EXPECT_TRUE(ask(get("/", "Connection: close\r\n")).starts_with("HTTP/1.1 503"));
}

TEST_F(AdminServer, HasSilentOnesGiveWay) {
  start();
  std::vector<StreamSocket> silent;
  for (std::size_t i = 0; i < 3 * kMaxConnections; ++i) {
    silent.push_back(connect());
    if (i % 2 == 0) {
      ASSERT_TRUE(silent.back().send_all(as_bytes("GET / HT")));
    }
  }
  EXPECT_EQ(status("/"), "200");
  EXPECT_GE(server_->counts().evicted, 2 * kMaxConnections);
}

TEST_F(AdminServer, SpeaksTls) {
  crypto::PrivateKey key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
  crypto::Certificate certificate =
      crypto::make_self_signed(key, {.subject = crypto::Name::parse("CN=admin").value(),
                                     .not_before = calendar_now() - 3600,
                                     .days = 10,
                                     .addresses = {"127.0.0.1"}})
          .value();
  start({.tls = crypto::TlsContext::server(
                    {.certificate = certificate, .key = key, .ticket_keys = crypto::TicketKeys::generate()})
                    .value(),
         .token = {}});
  const auto context = crypto::TlsContext::client({.pinned = certificate}).value();
  crypto::TlsConnection peer(connect());
  ASSERT_TRUE(peer.handshake(context));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(peer.write(as_bytes(get("/") + get("/"))));
    // Both may come at once.
    if (!take(peer, "page").contains("pageHTTP")) {
      EXPECT_TRUE(take(peer, "page").contains("200 OK"));
    }
  }
  ASSERT_TRUE(peer.write(as_bytes(get("/large", "Connection: close\r\n"))));
  EXPECT_GT(take(peer, "").size(), kMaxAnswer);
  // Plain HTTP there gets nothing, and does not stay.
  EXPECT_FALSE(ask(get("/")).contains("HTTP/1.1"));
}

TEST_F(AdminServer, EndsWhileClientsAreThere) {
  start();
  StreamSocket silent = connect();
  StreamSocket slow = connect();
  ASSERT_TRUE(slow.send_all(as_bytes(get("/large"))));
  while (server_->counts().requests == 0) ::poll(nullptr, 0, 1);
  server_.reset();
  EXPECT_EQ(take(silent, ""), "");
}

// --- One connection, by a clock of ours.

class AdminConnection : public testing::Test, protected Answerer {
 protected:
  AdminConnection() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    peer_.reset(ends[0]);
    connection_.emplace(Transport(FileDescriptor(ends[1]), nullptr), 1'000);
  }
  Page answer(const ReadRequest&) override { return {.body = std::string(size_, 'x')}; }
  void note_refusal() override {}
  void send(std::string_view text) {
    ASSERT_EQ(::send(peer_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  FileDescriptor peer_;
  std::optional<Connection> connection_;
  std::size_t size_ = 1;
};

TEST_F(AdminConnection, GivesAHeadSoMuchTimeHoweverItComes) {
  const std::string request = get("/");
  Millis now = 1'000;
  for (std::size_t i = 0; i + 1 < request.size(); ++i) {
    send(request.substr(i, 1));
    EXPECT_TRUE(connection_->advance(now++, *this));
    EXPECT_EQ(connection_->due(), 1'000 + kRequestTime);
  }
  send(request.substr(request.size() - 1));
  EXPECT_TRUE(connection_->advance(now, *this));
  EXPECT_EQ(connection_->due(), now + kIdleTime);
  // The next one's time runs from its first byte.
  send("G");
  EXPECT_TRUE(connection_->advance(now + 100, *this));
  send("E");
  EXPECT_TRUE(connection_->advance(now + 200, *this));
  EXPECT_EQ(connection_->due(), now + 100 + kRequestTime);
}

TEST_F(AdminConnection, GivesAnAnswerSoMuchTimeToBeTaken) {
  size_ = 3'000'000;
  send(get("/"));
  EXPECT_TRUE(connection_->advance(2'000, *this));
  EXPECT_EQ(connection_->due(), 2'000 + kAnswerTime);
  EXPECT_FALSE(connection_->is_silent());
  const std::size_t before = connection_->untaken();
  std::array<char, 100'000> room;
  ASSERT_GT(::recv(peer_.get(), room.data(), room.size(), 0), 0);
  EXPECT_TRUE(connection_->advance(3'000, *this));
  EXPECT_LT(connection_->untaken(), before);
  EXPECT_EQ(connection_->due(), 2'000 + kAnswerTime) << "a byte now and then does not make it longer";
}

TEST_F(AdminConnection, LingersSoThatTheLastAnswerArrives) {
  send("nonsense\r\n\r\nand more");
  EXPECT_TRUE(connection_->advance(2'000, *this));
  EXPECT_EQ(connection_->due(), 2'000 + kLingerTime);
  send(std::string(kMaxLinger / 2, 'x'));
  EXPECT_TRUE(connection_->advance(2'100, *this));
  std::array<char, 4096> room;
  EXPECT_GT(::recv(peer_.get(), room.data(), room.size(), 0), 0);
  peer_.reset();
  EXPECT_FALSE(connection_->advance(2'200, *this));
}

}  // namespace
}  // namespace anchord::admin::test
