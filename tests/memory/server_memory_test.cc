// The whole service where one allocation after the other fails in any of its threads: it goes on, and
// what was changed is served in the end.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <optional>
#include <thread>

#include "../failing_new.h"
#include "../stores.h"
#include "../time_bound.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/base/hex.h"
#include "anchord/base/log.h"
#include "anchord/control/server.h"
#include "anchord/protocol/message.h"
#include "anchord/protocol/socket_path.h"
#include "state.h"

namespace anchord::control {
namespace {

// What a peer sends back until it ends; empty when nobody is there.
std::string said(const sockaddr* peer, socklen_t length, std::string_view request) {
  FileDescriptor socket(::socket(peer->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval timeout{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  if (::connect(socket.get(), peer, length) != 0) return {};
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  std::string out;
  char room[4096];
  for (ssize_t n = 0; (n = ::recv(socket.get(), room, sizeof(room), 0)) > 0;)
    out.append(room, static_cast<std::size_t>(n));
  return out;
}

class ServiceWithoutMemory : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    log::set_level(log::Level::off);
    store_.emplace(make_store());
    options_.host = "two";
    options_.listen = {io::parse_host("127.0.0.1").value()};
    options_.tvs_port = options_.tftp_port = options_.http_port = options_.https_port = {.automatic = true};
    options_.shards = 1;
    options_.pin = false;
    options_.max_connections = 64;
    options_.max_transfers = 64;
    std::filesystem::create_directories(options_.state / "provisioning");
    write(0);
    auto server = Server::start(options_);
    ASSERT_TRUE(server) << server.error().text;
    server_ = std::move(*server);
    const std::string listening = server_->listening();
    const std::size_t at = listening.find("http=127.0.0.1:") + 15;
    http_port_ = static_cast<std::uint16_t>(std::stoi(listening.substr(at)));
    thread_ = std::thread([this] { ended_ = server_->run(); });
  }
  void TearDown() override {
    if (thread_.joinable()) {
      ::kill(::getpid(), SIGTERM);
      thread_.join();
      EXPECT_TRUE(ended_) << ended_.error().text;
    }
    server_.reset();
    State::TearDown();
    log::set_level(log::Level::info);
  }

  void write(std::int64_t version) {
    std::ofstream(options_.state / "provisioning/a.xml") << "<a>" << version << "</a>";
  }
  std::string served() const {
    sockaddr_in peer{.sin_family = AF_INET,
                     .sin_port = htons(http_port_),
                     .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                     .sin_zero = {}};
    return said(reinterpret_cast<const sockaddr*>(&peer), sizeof(peer),
                "GET /a.xml HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }
  // Nothing while there is no memory for it.
  std::optional<protocol::Answer> told(const protocol::Request& request) const {
    const sockaddr_un peer = protocol::socket_address(protocol::socket_path(options_.state)).value();
    auto answer = protocol::decode_answer(
        said(reinterpret_cast<const sockaddr*>(&peer), sizeof(peer), protocol::encode_request(request)));
    return answer ? std::optional(std::move(*answer)) : std::nullopt;
  }
  std::optional<protocol::Status> status() const {
    auto answer = told(protocol::StatusRequest());
    const auto* status = answer ? std::get_if<protocol::Status>(&*answer) : nullptr;
    return status != nullptr ? std::optional(*status) : std::nullopt;
  }
  void wait_for(const std::string& what, const std::function<bool()>& condition) {
    const Millis end = monotonic_now() + time_bound();
    while (!condition()) {
      ASSERT_LT(monotonic_now(), end) << "waited in vain for " << what;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  SpareHere spare_;
  std::optional<store::Store> store_;
  std::unique_ptr<Server> server_;
  std::uint16_t http_port_ = 0;
  Status ended_;
  std::thread thread_;
};

TEST_F(ServiceWithoutMemory, GoesOnAndServesWhatWasChanged) {
  const auto odd = known("app-odd", {wire::Role::app_server});
  std::int64_t tried = 0;
  for (std::int64_t n = 0;; n += 1 + n / 8, ++tried) {
    FailElsewhere failing(n);
    write(n + 1);
    if (tried % 2 == 0) {
      ASSERT_TRUE(add_one(*store_, odd));
    } else {
      ASSERT_TRUE(remove_known(*store_, to_hex(odd.certificate.sha256()), store::agreed()));
    }
    (void)told(protocol::ChangedRequest());
    const std::int64_t change = store_->change_counter().value();
    auto is_in_service = [&] {
      auto seen = status();
      return seen && seen->snapshot.store_change == change;
    };
    wait_for("the file after allocation " + std::to_string(n),
             [&] { return served().ends_with("<a>" + std::to_string(n + 1) + "</a>"); });
    wait_for("the store's state after allocation " + std::to_string(n), is_in_service);
    if (HasFatalFailure() || !failing.happened()) break;
  }
  EXPECT_GT(tried, 20);
  wait_for("an end of problems", [&] {
    auto seen = status();
    return seen && seen->snapshot.problem.empty() && seen->ledger.problem.empty();
  });
  EXPECT_GT(status().value().memory.failures, 0U);
}

}  // namespace
}  // namespace anchord::control
