#include "etcd_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "session.h"
#include "time_bound.h"

namespace anchord::engine::test {
namespace {

constexpr const char* kEtcd = "/usr/bin/etcd";

std::string url_of(bool tls, const KeptPort& port) {
  return fmt::format("{}://127.0.0.1:{}", tls ? "https" : "http", port.number());
}

}  // namespace

bool has_etcd() {
  return ::access(kEtcd, X_OK) == 0;
}

// Two sockets may be bound to one port when both allow it and only one listens.
KeptPort::KeptPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  number_ = ntohs(address.sin_port);
}

EtcdProcesses::EtcdProcesses(std::size_t members, const EtcdFiles* files)
    : members_(members), tls_(files != nullptr) {
  if (files != nullptr) files_ = *files;
  std::string name = (std::filesystem::temp_directory_path() / "anchord-etcd-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
  for (std::size_t i = 0; i < members; ++i) start(i);
}

EtcdProcesses::~EtcdProcesses() {
  for (std::size_t i = 0; i < members_.size(); ++i) kill(i);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::vector<std::string> EtcdProcesses::command_of(std::size_t member) const {
  std::string all;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    all += fmt::format("{}m{}={}", i == 0 ? "" : ",", i, url_of(false, members_[i].peer));
  }
  const One& one = members_[member];
  const std::string client = url_of(tls_, one.client), peer = url_of(false, one.peer);
  std::vector<std::string> out{kEtcd,
                               "--name",
                               fmt::format("m{}", member),
                               "--data-dir",
                               folder_ / fmt::format("m{}", member),
                               "--listen-client-urls",
                               client,
                               "--advertise-client-urls",
                               client,
                               "--listen-peer-urls",
                               peer,
                               "--initial-advertise-peer-urls",
                               peer,
                               "--initial-cluster",
                               all,
                               "--initial-cluster-token",
                               fmt::format("{}", replaced_),
                               "--logger",
                               "zap",
                               "--log-level",
                               "error"};
  if (tls_) {
    out.insert(out.end(), {"--cert-file", files_.certificate, "--key-file", files_.key, "--client-cert-auth",
                           "--trusted-ca-file", files_.client_ca});
  }
  return out;
}

void EtcdProcesses::start(std::size_t member) {
  const std::vector<std::string> command = command_of(member);
  std::vector<char*> arguments;
  for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  const std::string log = folder_ / fmt::format("m{}.log", member);
  const pid_t pid = ::fork();
  if (pid != 0) {
    members_[member].pid = pid;
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no test that crashes leaves one behind
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execv(kEtcd, arguments.data());
  ::_exit(127);
}

void EtcdProcesses::wait_for_all() {
  const Millis until = monotonic_now() + time_bound();
  for (const Member& member : settings().members) {
    for (;;) {
      const auto status = Session::status_of(settings(), member, monotonic_now() + 1000);
      if (status && status->status.has_leader) break;
      ASSERT_LT(monotonic_now(), until) << member.url() << (status ? " has no leader" : status.error().text);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

EtcdSettings EtcdProcesses::settings() const {
  EtcdSettings out;
  for (const One& one : members_) out.members.push_back({"127.0.0.1", one.client.number(), tls_});
  return out;
}

void EtcdProcesses::kill(std::size_t member) {
  pid_t& pid = members_[member].pid;
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  pid = 0;
}

// A cluster's number is made of its token and of where its members are.
void EtcdProcesses::replace() {
  ++replaced_;
  for (std::size_t i = 0; i < members_.size(); ++i) kill(i);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    std::filesystem::remove_all(folder_ / fmt::format("m{}", i));
    start(i);
  }
}

void EtcdProcesses::pause(std::size_t member) {
  ::kill(members_[member].pid, SIGSTOP);
}

void EtcdProcesses::resume(std::size_t member) {
  ::kill(members_[member].pid, SIGCONT);
}

}  // namespace anchord::engine::test
