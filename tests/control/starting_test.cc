// What is told while a start lasts: to the service manager and over the control socket.
#include "process/starting.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstdlib>

#include "../time_bound.h"
#include "state.h"

namespace anchord::control {
namespace {

sockaddr_un socket_name(const std::string& path) {
  sockaddr_un name{.sun_family = AF_UNIX};
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  return name;
}

// A service manager that only listens.
class Notified : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    const std::string path = folder_ + "/notify";
    sockaddr_un name = socket_name(path);
    manager_ = FileDescriptor(::socket(AF_UNIX, SOCK_DGRAM, 0));
    ASSERT_EQ(::bind(manager_.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    State::TearDown();
  }

  // What comes next; empty when nothing does within `wait` milliseconds.
  static std::string received(const FileDescriptor& from, Millis wait) {
    pollfd waiting{from.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(wait)) != 1) return {};
    char room[4096];
    ssize_t n = ::recv(from.get(), room, sizeof(room), 0);
    return n < 0 ? std::string() : std::string(room, static_cast<std::size_t>(n));
  }
  std::string told() { return received(manager_, 0); }
  // The first that is told from now on and has the words in it.
  std::string told_of(std::string_view words) {
    for (;;) {
      std::string text = received(manager_, time_bound());
      if (text.empty() || text.find(words) != text.npos) return text;
    }
  }
  protocol::Answer ask(const protocol::Request& request) {
    const std::string line = protocol::encode_request(request);
    sockaddr_un name = socket_name(folder_ + "/control.sock");
    FileDescriptor client(::socket(AF_UNIX, SOCK_STREAM, 0));
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
    EXPECT_EQ(::send(client.get(), line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
    return protocol::decode_answer(received(client, time_bound())).value();
  }

  FileDescriptor manager_;
};

TEST_F(Notified, ProgressIsToldOnceASecondAndAsksForTimeUntilReady) {
  ServiceManager manager;
  manager.status("reading the store");
  EXPECT_EQ(told(), "STATUS=reading the store");
  manager.progress("signing 0 of 9 files", 10'000);
  EXPECT_EQ(told(), "STATUS=signing 0 of 9 files\nEXTEND_TIMEOUT_USEC=120000000");
  manager.progress("signing 3 of 9 files", 10'999);
  EXPECT_EQ(told(), "");
  manager.progress("signing 4 of 9 files", 11'000);
  EXPECT_EQ(told(), "STATUS=signing 4 of 9 files\nEXTEND_TIMEOUT_USEC=120000000");
  // What does not go on gets no more time.
  manager.progress("signing 4 of 9 files", 20'000);
  EXPECT_EQ(told(), "");
  manager.status("snapshot 1 in service");
  manager.ready();
  EXPECT_EQ(told(), "STATUS=snapshot 1 in service");
  EXPECT_EQ(told(), "READY=1");
  manager.progress("", 30'000);
  EXPECT_EQ(told(), "");
  manager.progress("signing 1 of 2 files", 30'000);
  EXPECT_EQ(told(), "STATUS=signing 1 of 2 files");
  manager.progress("", 31'000);
  EXPECT_EQ(told(), "STATUS=snapshot 1 in service");
}

TEST_F(Notified, AStartAnswersWithWhatItIsAbout) {
  auto starting = Starting::begin(ControlSocket::open(folder_ + "/control.sock").value()).value();
  starting->step("reading the store");
  EXPECT_TRUE(ask(protocol::StatusRequest()) == protocol::Answer(protocol::Starting{"reading the store"}));
  std::atomic<int> done{0};
  starting->step([&] { return "signing " + std::to_string(done) + " of 2 files"; });
  EXPECT_NE(told_of("signing 0 of 2").find("EXTEND_TIMEOUT_USEC="), std::string::npos);
  done = 1;
  const protocol::Answer signing = protocol::Starting{"signing 1 of 2 files"};
  EXPECT_TRUE(ask(protocol::StatusRequest()) == signing);
  EXPECT_TRUE(ask(protocol::ConfirmRequest()) == signing);
  EXPECT_TRUE(ask(protocol::ChangedRequest()) == protocol::Answer(protocol::Changed()));
  // The last file is told although the second before is not over.
  done = 2;
  starting->step("starting the shards");
  EXPECT_EQ(told_of("signing 2 of 2"), "STATUS=signing 2 of 2 files");
  {
    ControlSocket control = starting->end();
    starting.reset();
    std::vector<pollfd> waiting;
    control.poll_for(waiting);
    EXPECT_EQ(waiting.size(), 1U);
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/control.sock"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/control.sock"));
}

TEST_F(Notified, AStartThatFailsLeavesNothing) {
  (void)Starting::begin(ControlSocket::open(folder_ + "/control.sock").value()).value();
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/control.sock"));
}

}  // namespace
}  // namespace anchord::control
