#include "anchord/admin/server.h"

#include <fmt/core.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>
#include <thread>

#include "admin_limits.h"
#include "anchord/base/ascii.h"
#include "anchord/base/log.h"
#include "anchord/crypto/secret.h"
#include "anchord/io/address.h"
#include "anchord/io/socket.h"
#include "connection.h"
#include "transport.h"

namespace anchord::admin {
namespace {

// How long nobody is accepted after that has failed, and a wait when there is no memory for one.
constexpr Millis kPause = 100;
// Routes' documents while they are made, and buffers of connections.
constexpr std::size_t kOwnMemory = std::size_t{8} << 20;

using Counter = std::atomic<std::uint64_t>;

void add(Counter& counter) {
  counter.fetch_add(1, std::memory_order_relaxed);
}

// Without a token it is the machine's own users who may ask. A page of elsewhere whose name leads here, too
// (DNS rebinding), shows itself by that name.
bool is_own_name(const std::string& host) {
  if (host == "localhost") return true;
  const bool in_brackets = host.size() > 2 && host.starts_with('[');
  return io::parse_host(in_brackets ? host.substr(1, host.size() - 2) : host).has_value();
}

}  // namespace

class Server::Impl final : Answerer {
 public:
  Impl(FileDescriptor listener, Access access, std::vector<Route> routes, std::function<void()> begin,
       io::Waker waker)
      : listener_(std::move(listener)),
        access_(std::move(access)),
        routes_(std::move(routes)),
        begin_(std::move(begin)),
        waker_(std::move(waker)),
        thread_(&Impl::run, this) {}

  ~Impl() {
    ending_ = true;
    waker_.wake();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Counts counts() const {
    return {.accepted = accepted_,
            .requests = requests_,
            .denied = denied_,
            .refused = refused_,
            .evicted = evicted_,
            .timeouts = timeouts_,
            .shed = shed_};
  }

 private:
  void run();
  void tick();
  void wait_for_somebody();
  void accept(Millis now);
  bool make_room();
  void serve(Millis now);
  bool advance(Connection& connection, Millis now);
  Page answer(const ReadRequest& read) override;
  void note_refusal() override { add(refused_); }
  Page page_of(const ReadRequest& read);
  bool is_authorized(const ReadRequest& read) const;

  FileDescriptor listener_;
  Access access_;
  std::vector<Route> routes_;
  std::function<void()> begin_;
  io::Waker waker_;
  std::vector<std::unique_ptr<Connection>> connections_;  // the oldest first
  std::vector<pollfd> waiting_;
  Millis accept_from_ = 0;
  Counter accepted_{0}, requests_{0}, denied_{0}, refused_{0}, evicted_{0}, timeouts_{0}, shed_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;  // the last: it uses all of the above
};

void Server::Impl::run() {
  ::pthread_setname_np(::pthread_self(), "admin");
  begin_();
  while (!ending_) {
    try {
      tick();
    } catch (const std::bad_alloc&) {
      ::poll(nullptr, 0, static_cast<int>(kPause));
    }
  }
}

void Server::Impl::tick() {
  wait_for_somebody();
  if (ending_) return;
  const Millis now = monotonic_now();
  if (now >= accept_from_) accept(now);
  serve(now);
}

void Server::Impl::wait_for_somebody() {
  const Millis now = monotonic_now();
  Millis until = now + 60'000;
  waiting_.clear();
  waiting_.push_back({.fd = waker_.descriptor(), .events = POLLIN});
  const bool has_room = connections_.size() < kMaxConnections ||
                        std::ranges::any_of(connections_, [](const auto& one) { return one->is_silent(); });
  if (has_room && now >= accept_from_) waiting_.push_back({.fd = listener_.get(), .events = POLLIN});
  if (now < accept_from_) until = accept_from_;
  for (const auto& one : connections_) {
    waiting_.push_back({.fd = one->descriptor(), .events = one->events()});
    until = std::min(until, one->has_more() ? now : std::max(one->due(), now));
  }
  ::poll(waiting_.data(), waiting_.size(), static_cast<int>(until - now));
  waker_.drain();
}

// At the limit who has been silent for longest goes. False when nobody is.
bool Server::Impl::make_room() {
  if (connections_.size() < kMaxConnections) return true;
  auto first = connections_.end();
  for (auto one = connections_.begin(); one != connections_.end(); ++one) {
    if (!(*one)->is_silent()) continue;
    if (first == connections_.end() || (*one)->silent_since() < (*first)->silent_since()) first = one;
  }
  if (first == connections_.end()) return false;
  connections_.erase(first);
  add(evicted_);
  return true;
}

void Server::Impl::accept(Millis now) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    pollfd somebody{.fd = listener_.get(), .events = POLLIN};
    if (::poll(&somebody, 1, 0) <= 0 || !make_room()) return;
    FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      // One that has gone meanwhile is no reason to pause; want of descriptors is.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        accept_from_ = now + kPause;
      return;
    }
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
    connections_.push_back(std::make_unique<Connection>(
        Transport(std::move(socket), access_.tls ? &*access_.tls : nullptr), now));
    add(accepted_);
  }
}

void Server::Impl::serve(Millis now) {
  std::erase_if(connections_, [&](const auto& one) { return !advance(*one, now); });
}

bool Server::Impl::advance(Connection& connection, Millis now) {
  try {
    if (!connection.advance(now, *this)) return false;
    if (now < connection.due()) return true;
    add(timeouts_);
    return false;
  } catch (const std::bad_alloc&) {
    add(shed_);
    return false;  // it asks again
  }
}

// The scheme is of any case (RFC 9110, 11.1).
bool Server::Impl::is_authorized(const ReadRequest& read) const {
  if (!access_.token) return is_own_name(read.host);
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view given = read.authorization;
  return starts_ignoring_case(given, kScheme) &&
         crypto::is_same_secret(as_bytes(given.substr(kScheme.size())), access_.token->bytes());
}

Page Server::Impl::page_of(const ReadRequest& read) {
  const Route* route = find_route(routes_, read.request.path);
  if ((route == nullptr || !route->open || !access_.token) && !is_authorized(read)) {
    add(denied_);
    if (!access_.token)
      return {.status = 421,
              .body =
                  "this endpoint is asked by its IP address or as localhost: other names need "
                  "--admin-token\n"};
    log::warn(log::Peers::admin,
              fmt::format("a request to the admin endpoint {} is refused: {}", read.request.path,
                          read.authorization.empty() ? "it has no token" : "wrong token"));
    return {.status = 401, .body = "give the token of --admin-token: Authorization: Bearer TOKEN\n"};
  }
  if (route == nullptr) return no_page(read.request.path);
  Request request = read.request;
  if (route->path.ends_with('/')) request.rest = std::string_view(request.path).substr(route->path.size());
  return route->answer(request);
}

Page Server::Impl::answer(const ReadRequest& read) {
  add(requests_);
  std::size_t untaken = 0;
  for (const auto& one : connections_) untaken += one->untaken();
  if (untaken > kMaxUntaken) {
    add(shed_);
    return {.status = 503, .body = "too many answers are under way: ask again in a second\n"};
  }
  Page page = page_of(read);
  if (page.body.size() <= kMaxAnswer) return page;
  add(shed_);
  return {.status = 503, .body = "the answer is too large: ask for a part of it\n"};
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
Counts Server::counts() const {
  return impl_->counts();
}

std::size_t Server::descriptors() {
  return kMaxConnections + 3;
}
std::size_t Server::memory() {
  return kMaxUntaken + kMaxAnswer + kOwnMemory;
}

Result<std::unique_ptr<Server>> Server::start(FileDescriptor listener, Access access,
                                              std::vector<Route> routes, std::function<void()> begin) {
  ANCHORD_TRY_ASSIGN(auto waker, io::Waker::create());
  return std::unique_ptr<Server>(new Server(std::make_unique<Impl>(
      std::move(listener), std::move(access), std::move(routes), std::move(begin), std::move(waker))));
}

}  // namespace anchord::admin
