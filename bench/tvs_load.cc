// Asks a running anchord verify questions as fast as it answers, and says what an
// answer cost the server.
//
//   tvs-load --host 127.0.0.1:2445 --tvs-cert FILE --cert FILE --pid PID
//            [--mode connect|resume|keepalive] [--connections N] [--depth D]
//            [--tls-max 1.2|1.3] [--seconds S] [--expect valid|invalid]
//
// connect and resume: a new connection for each question, without or with the
// ticket of an earlier one. keepalive: D questions under way on each connection.
// The server's CPU time is the process's own accounting (/proc/PID/stat). Loopback
// only. Ends with an error when an answer is wrong.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "anchord/base/file.h"
#include "anchord/crypto/tls.h"
#include "anchord/io/address.h"
#include "anchord/io/socket.h"
#include "anchord/wire/tvs.h"

namespace {

using namespace anchord;
using Clock = std::chrono::steady_clock;
using Outcome = crypto::TlsEngine::Outcome;

struct Settings {
  std::string host, tvs_cert, cert, mode = "keepalive", tls_max = "1.3", expect = "valid";
  unsigned connections = 64, depth = 1;
  double seconds = 5;
  int pid = 0;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "tvs-load: %s\n", why.c_str());
  std::exit(1);
}

double cpu_seconds_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  if (line.empty()) die("there is no process " + std::to_string(pid));
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skip;
  for (int i = 0; i < 11; ++i) fields >> skip;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Load {
 public:
  explicit Load(const Settings& settings)
      : settings_(settings),
        address_(io::parse_address(settings.host, 2445).value()),
        context_(crypto::TlsContext::client({.max = crypto::parse_tls_version(settings.tls_max).value(),
                                             .pinned = certificate(settings.tvs_cert)})
                     .value()),
        der_(to_buffer(certificate(settings.cert).der())),
        question_(20'000),
        room_(1 << 20),
        plain_(1 << 16),
        received_(1 << 16) {
    static const std::string device = "CP-8861-SEP001122334455";
    Writer out(question_);
    wire::write_verify_request(out, {.session = 7, .device = as_bytes(device), .certificate = der_});
    question_.resize(out.size());
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  }

  void run();

 private:
  struct Connection {
    int fd = -1;
    crypto::TlsEngine engine;
    Buffer answers;
    unsigned waiting = 0;
    bool greeted = false;
    bool asked = false;
  };

  static crypto::Certificate certificate(const std::string& path) {
    auto file = read_file(path, 1 << 20);
    if (!file) die(file.error().text);
    auto out = crypto::Certificate::from_pem_or_der(*file);
    if (!out) die(path + ": " + out.error().text);
    return *out;
  }

  void open(Connection& c);
  void close(Connection& c);
  void advance(Connection& c);
  void judge(Connection& c);
  void send(Connection& c);

  const Settings& settings_;
  io::Address address_;
  crypto::TlsContext context_;
  Buffer der_;
  Buffer question_;
  Buffer room_;
  Buffer plain_;
  Buffer received_;
  crypto::TlsSession session_;
  int epoll_ = -1;
  std::uint64_t answered_ = 0;
  std::uint64_t resumed_ = 0;
};

void Load::open(Connection& c) {
  sockaddr_storage to{};
  socklen_t length = io::to_kernel(address_, address_.host.is_v4(), to);
  c.fd = ::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c.fd < 0 || ::connect(c.fd, reinterpret_cast<sockaddr*>(&to), length) != 0) die("cannot connect");
  ::fcntl(c.fd, F_SETFL, O_NONBLOCK);
  int on = 1;
  ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // Thousands of connections a second would use up the ports in TIME_WAIT.
  linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &c}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
  if (Status started = c.engine.start(context_); !started) die(started.error().text);
  if (settings_.mode == "resume" && session_) c.engine.offer(session_);
  c.greeted = c.asked = false;
  c.waiting = 0;
  c.answers.clear();
  c.engine.take_into(room_);
  c.engine.handshake();
  send(c);
}

void Load::close(Connection& c) {
  c.engine.reset();
  ::close(c.fd);
}

void Load::send(Connection& c) {
  Bytes left = Bytes(room_).first(c.engine.produced());
  while (!left.empty()) {
    ssize_t n = ::send(c.fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) die("the server closed a connection");
    if (n > 0) left = left.subspan(static_cast<std::size_t>(n));
  }
  c.engine.take_into(room_);
}

void Load::advance(Connection& c) {
  ssize_t n = ::recv(c.fd, received_.data(), received_.size(), 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) die("the server closed a connection");
  c.engine.take_into(room_);
  c.engine.give(Bytes(received_).first(static_cast<std::size_t>(n)));
  if (!c.greeted) {
    Outcome outcome = c.engine.handshake();
    if (outcome == Outcome::failed) die("handshake: " + c.engine.failure());
    c.greeted = outcome == Outcome::done;
    if (c.greeted && c.engine.resumed()) ++resumed_;
  }
  if (c.greeted) {
    for (std::size_t count = 0; c.engine.read(plain_, count) == Outcome::done;)
      c.answers.insert(c.answers.end(), plain_.begin(), plain_.begin() + static_cast<std::ptrdiff_t>(count));
    judge(c);
  }
  if (settings_.mode != "keepalive" && c.asked && c.waiting == 0) {
    if (c.engine.session()) session_ = c.engine.session();
    close(c);
    open(c);
    return;
  }
  Buffer questions;
  while (c.greeted && c.waiting < settings_.depth) {
    questions.insert(questions.end(), question_.begin(), question_.end());
    ++c.waiting;
    c.asked = true;
  }
  if (!questions.empty() && c.engine.write(questions) != Outcome::done) die("cannot write");
  send(c);
}

void Load::judge(Connection& c) {
  std::size_t at = 0;
  for (;;) {
    Bytes front = Bytes(c.answers).subspan(at);
    auto size = wire::tvs_message_size(front);
    if (!size) die("not an answer");
    if (*size == 0 || *size > front.size()) break;
    auto answer = wire::parse_tvs_response(front.first(*size));
    if (!answer || answer->session != 7 || answer->valid != (settings_.expect == "valid"))
      die("a wrong answer");
    at += *size;
    --c.waiting;
    ++answered_;
  }
  c.answers.erase(c.answers.begin(), c.answers.begin() + static_cast<std::ptrdiff_t>(at));
}

void Load::run() {
  std::vector<std::unique_ptr<Connection>> connections;
  for (unsigned i = 0; i < settings_.connections; ++i) {
    connections.push_back(std::make_unique<Connection>());
    open(*connections.back());
  }
  auto for_seconds = [&](double seconds) {
    auto end = Clock::now() + std::chrono::duration<double>(seconds);
    std::vector<epoll_event> events(256);
    while (Clock::now() < end) {
      int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < n; ++i)
        advance(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  };
  for_seconds(1);  // warm up, and let every connection begin
  std::uint64_t before = answered_;
  std::uint64_t resumed_before = resumed_;
  double server = cpu_seconds_of(settings_.pid);
  double own = own_cpu_seconds();
  auto begun = Clock::now();
  for_seconds(settings_.seconds);
  double elapsed = std::chrono::duration<double>(Clock::now() - begun).count();
  double count = static_cast<double>(answered_ - before);
  server = cpu_seconds_of(settings_.pid) - server;
  own = own_cpu_seconds() - own;
  if (count == 0) die("no answers");
  std::printf(
      "%-9s tls<=%s conns %4u depth %2u: %9.0f lookups/s  server CPU %8.2f us  client CPU %8.2f us  resumed "
      "%3.0f%%\n",
      settings_.mode.c_str(), settings_.tls_max.c_str(), settings_.connections, settings_.depth,
      count / elapsed, server / count * 1e6, own / count * 1e6,
      settings_.mode == "keepalive" ? 0 : 100 * static_cast<double>(resumed_ - resumed_before) / count);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Asks anchord questions and measures."};
  Settings s;
  app.add_option("--host", s.host)->required();
  app.add_option("--tvs-cert", s.tvs_cert)->required();
  app.add_option("--cert", s.cert)->required();
  app.add_option("--pid", s.pid)->required();
  app.add_option("--mode", s.mode)->check(CLI::IsMember({"connect", "resume", "keepalive"}));
  app.add_option("--connections", s.connections)->check(CLI::Range(1, 4096));
  app.add_option("--depth", s.depth)->check(CLI::Range(1, 64));
  app.add_option("--tls-max", s.tls_max)->check(CLI::IsMember({"1.2", "1.3"}));
  app.add_option("--expect", s.expect)->check(CLI::IsMember({"valid", "invalid"}));
  app.add_option("--seconds", s.seconds)->check(CLI::Range(0.1, 600.0));
  CLI11_PARSE(app, argc, argv);
  auto address = io::parse_address(s.host, 2445);
  auto loopback = io::parse_network("127.0.0.0/8");
  if (!address || !(loopback->contains(address->host) || address->host == io::parse_host("::1").value()))
    die("--host must be a loopback address");
  Load(s).run();
}
