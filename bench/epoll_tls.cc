// What verify questions over TLS cost when there is nothing behind them: one thread
// with epoll accepts, shakes hands, reads questions and gives each the same answer,
// "valid". No look-up, no timers, no limits per client, no tickets' rotation, no log.
// The service is measured against it. Loopback only.
//
//   epoll-tls --cert FILE --key FILE [--tls-max 1.2|1.3] [--roles N]
//
// Prints its port. TLS is the service's own (crypto), so that what differs is all
// around it. Never for anything but measuring: it takes every certificate for good.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "anchord/base/file.h"
#include "anchord/crypto/tls.h"
#include "anchord/io/socket.h"
#include "anchord/wire/tvs.h"

namespace {

using namespace anchord;
using Outcome = crypto::TlsEngine::Outcome;

// More than any measurement has, and within the usual limit of descriptors.
constexpr std::size_t kMaxConnections = 8192;
// For one read, what it decrypts to, and the answers to that: a question that is not
// far smaller than any phone's is longer than its answer.
constexpr std::size_t kRoom = std::size_t{64} << 10;
constexpr std::size_t kMaxFile = std::size_t{1} << 20;

struct Settings {
  std::string cert, key, tls_max = "1.3";
  std::size_t roles = 1;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "epoll-tls: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text);
  return std::move(*result);
}

crypto::TlsContext context_of(const Settings& s) {
  return must(crypto::TlsContext::server(
      {.certificate = must(crypto::Certificate::from_pem_or_der(must(read_file(s.cert, kMaxFile)))),
       .key = must(crypto::PrivateKey::from_pem_or_der(must(read_file(s.key, kMaxFile)))),
       .max = must(crypto::parse_tls_version(s.tls_max)),
       .ticket_keys = crypto::TicketKeys::generate()}));
}

class Server {
 public:
  explicit Server(const Settings& settings);
  [[noreturn]] void run();

 private:
  struct Connection {
    FileDescriptor socket;
    crypto::TlsEngine engine;
    Buffer begun;  // the beginning of a question, whose end has not come yet
  };

  void accept_all();
  void take_in(FileDescriptor socket);
  // False: the connection is over.
  bool serve(Connection& c);
  bool answer(Connection& c);
  bool answer_each(Bytes questions, std::size_t& used);
  bool send(Connection& c);

  crypto::TlsContext context_;
  FileDescriptor listener_;
  FileDescriptor epoll_;
  Buffer answer_;  // for session 0
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> free_;
  Buffer received_ = Buffer(kRoom), plain_ = Buffer(kRoom), answers_ = Buffer(kRoom),
         room_ = Buffer(2 * kRoom);
  std::size_t answers_size_ = 0;
};

Server::Server(const Settings& settings)
    : context_(context_of(settings)),
      listener_(must(io::listen_tcp(must(io::parse_address("127.0.0.1:0", 0)), 4096))),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      answer_(1024) {
  const Buffer roles(settings.roles, 4);
  Writer out(answer_);
  wire::write_verify_response(out, 0, true, roles, 86400);
  answer_.resize(out.size());
  fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0) die("epoll does not work here");
}

void Server::run() {
  std::printf("%u\n", io::local_address(listener_.get()).port);
  std::fflush(stdout);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto* c = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (c == nullptr) {
        accept_all();
      } else if (!serve(*c)) {
        c->engine.reset();
        c->socket.reset();  // epoll forgets it with that
        c->begun.clear();
        free_.push_back(c);
      }
    }
  }
}

void Server::accept_all() {
  for (;;) {
    FileDescriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      take_in(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE) {
      die("no descriptors are left");
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void Server::take_in(FileDescriptor socket) {
  if (free_.empty()) {
    if (connections_.size() == kMaxConnections) return;
    connections_.push_back(std::make_unique<Connection>());
    free_.push_back(connections_.back().get());
  }
  Connection& c = *free_.back();
  if (Status started = c.engine.start(context_); !started) die(started.error().text);
  free_.pop_back();
  c.socket = std::move(socket);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &c}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, c.socket.get(), &event) != 0) die("epoll takes no more sockets");
}

bool Server::serve(Connection& c) {
  const ssize_t count = recv(c.socket.get(), received_.data(), received_.size(), 0);
  if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
  c.engine.give(Bytes(received_).first(static_cast<std::size_t>(count)));
  c.engine.take_into(room_);
  bool goes_on = true;
  if (!c.engine.handshake_done()) {
    const Outcome outcome = c.engine.handshake();
    goes_on = outcome == Outcome::done || outcome == Outcome::want_input;
  }
  if (goes_on && c.engine.handshake_done()) goes_on = answer(c);
  return send(c) && goes_on;
}

// Everything that has come, with one write.
bool Server::answer(Connection& c) {
  answers_size_ = 0;
  std::ranges::copy(c.begun, plain_.begin());
  std::size_t held = c.begun.size();
  c.begun.clear();
  Outcome outcome = Outcome::done;
  for (;;) {
    std::size_t count = 0;
    outcome = c.engine.read(MutableBytes(plain_).subspan(held), count);
    if (outcome != Outcome::done) break;
    held += count;
    std::size_t used = 0;
    if (!answer_each(Bytes(plain_).first(held), used)) return false;
    std::copy(plain_.begin() + static_cast<std::ptrdiff_t>(used),
              plain_.begin() + static_cast<std::ptrdiff_t>(held), plain_.begin());
    held -= used;
  }
  c.begun.assign(plain_.begin(), plain_.begin() + static_cast<std::ptrdiff_t>(held));
  if (answers_size_ > 0 && c.engine.write(Bytes(answers_).first(answers_size_)) != Outcome::done)
    return false;
  return outcome == Outcome::want_input;
}

bool Server::answer_each(Bytes questions, std::size_t& used) {
  for (;;) {
    const Bytes rest = questions.subspan(used);
    const auto size = wire::tvs_message_size(rest);
    if (!size) return false;
    if (*size == 0 || *size > rest.size()) return true;
    if (answers_.size() - answers_size_ < answer_.size()) return false;
    const auto to = answers_.begin() + static_cast<std::ptrdiff_t>(answers_size_);
    std::ranges::copy(answer_, to);
    constexpr std::size_t kSession = 4;
    std::ranges::copy(rest.subspan(kSession, 4), to + kSession);
    answers_size_ += answer_.size();
    used += *size;
  }
}

// A client that does not read its few bytes is none that measures.
bool Server::send(Connection& c) {
  const std::size_t size = c.engine.produced();
  return size == 0 || ::send(c.socket.get(), room_.data(), size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What verify questions over TLS cost with nothing behind them."};
  Settings s;
  app.add_option("--cert", s.cert)->required();
  app.add_option("--key", s.key)->required();
  app.add_option("--tls-max", s.tls_max)->check(CLI::IsMember({"1.2", "1.3"}));
  app.add_option("--roles", s.roles, "that each answer has: its size")->check(CLI::Range(0, 64));
  CLI11_PARSE(app, argc, argv);
  io::raise_descriptor_limit();
  Server(s).run();
}
