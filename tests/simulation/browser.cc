#include "browser.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace anchord::sim {

using Outcome = crypto::TlsEngine::Outcome;

std::string get(const std::string& name, const std::string& fields, const std::string& method) {
  return method + " /" + name + " HTTP/1.1\r\nHost: 10.1.1.1\r\n" + fields + "\r\n";
}

std::string Response::field(std::string_view name) const {
  std::string start = "\r\n" + std::string(name) + ": ";
  std::size_t at = head.find(start);
  if (at == std::string::npos) return {};
  at += start.size();
  return head.substr(at, head.find("\r\n", at) - at);
}

// The room takes all the requests, and a handshake.
Browser::Browser(World& world, unsigned host, const Manner& manner, std::vector<std::string> requests)
    : world_(world), manner_(manner), requests_(std::move(requests)), room_(1 << 18) {
  for (const std::string& request : requests_) {
    to_send_ += request;
    boundaries_.push_back(to_send_.size());
  }
  int listener = manner.tls ? world.https_listener : world.http_listener;
  peer_ = world.sim.connect(listener, world.peer(host, static_cast<std::uint16_t>(3000 + host)));
  if (!manner.tls) return;
  EXPECT_TRUE(engine_.start(client_context(manner.version)));
  engine_.take_into(room_);
  engine_.handshake();
  flush();
}

void Browser::flush() {
  if (!manner_.tls) return;
  if (engine_.produced() > 0) world_.sim.peer_send(peer_, Bytes(room_).first(engine_.produced()));
  engine_.take_into(room_);
}

void Browser::pump() {
  if (ended_) return;
  take();
  split_responses();
  if (!ended_ && (!manner_.tls || engine_.handshake_done())) ask();
  flush();
}

void Browser::take() {
  Buffer more = world_.sim.peer_take(peer_);
  if (more.empty() && world_.sim.peer_closed_by_server(peer_)) ended_ = true;
  if (!manner_.tls) {
    received_.insert(received_.end(), more.begin(), more.end());
    return;
  }
  if (more.empty()) return;
  engine_.give(more);
  if (!engine_.handshake_done()) {
    EXPECT_NE(engine_.handshake(), Outcome::failed) << engine_.failure();
  }
  Buffer plain(1 << 15);
  while (engine_.handshake_done() && !ended_) {
    std::size_t count = 0;
    Outcome outcome = engine_.read(plain, count);
    EXPECT_NE(outcome, Outcome::failed) << engine_.failure();
    if (outcome == Outcome::want_input) break;
    received_.insert(received_.end(), plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(count));
    ended_ = outcome != Outcome::done;
  }
}

void Browser::ask() {
  while (sent_ < to_send_.size()) {
    std::size_t last = std::min<std::size_t>(responses_.size() + manner_.at_once, boundaries_.size());
    std::size_t end = std::min(boundaries_[last - 1], sent_ + manner_.piece);
    if (end <= sent_) return;
    Bytes piece = as_bytes(to_send_).subspan(sent_, end - sent_);
    if (manner_.tls) {
      ASSERT_EQ(engine_.write(piece), Outcome::done);
      flush();
    } else {
      world_.sim.peer_send(peer_, piece);
    }
    sent_ = end;
  }
}

void Browser::split_responses() {
  for (;;) {
    std::string_view text = as_text(received_);
    std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return;
    Response response{.head = std::string(text.substr(0, end + 4))};
    ASSERT_TRUE(response.head.starts_with("HTTP/1.1 ")) << response.head;
    response.status = std::stoi(response.head.substr(9, 3));
    ASSERT_LT(responses_.size(), requests_.size()) << "more was answered than asked";
    bool has_body = response.status != 304 && !requests_[responses_.size()].starts_with("HEAD");
    std::size_t size = has_body ? std::stoul(response.field("Content-Length")) : 0;
    if (received_.size() < end + 4 + size) return;
    auto begin = received_.begin() + static_cast<std::ptrdiff_t>(end + 4);
    response.body.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    received_.erase(received_.begin(), begin + static_cast<std::ptrdiff_t>(size));
    responses_.push_back(std::move(response));
  }
}

std::vector<Response> ask(World& world, std::vector<std::string> requests, Browser::Manner manner) {
  Browser browser(world, 77, manner, std::move(requests));
  world.run_for(1000, [&] { browser.pump(); });
  std::vector<Response> out = browser.responses();
  world.sim.peer_reset(browser.peer());
  world.run_for(100);
  return out;
}

index::FileChange file(const std::string& name, Buffer content, Buffer header) {
  index::FileBody body{.content = index::Blob(std::move(content))};
  if (!header.empty()) body.header = index::Blob(std::move(header));
  return {.name = name, .body = body};
}

void expect_no_http_left(World& world) {
  EXPECT_EQ(world.sim.open_connections(), 0u);
  EXPECT_EQ(world.sim.buffers_out(io::Group::tcp), 0u);
  EXPECT_EQ(world.counters.http_open.get(), 0u);
  EXPECT_EQ(world.counters.https_open.get(), 0u);
  EXPECT_EQ(world.publisher.reclaim(), 1u);  // nobody holds an old view
}

}  // namespace anchord::sim
