// A real ring with few, small buffers. A broken one holds up a test for time_bound().
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>

#include "anchord/io/uring.h"
#include "loopback.h"

namespace anchord::io {

class UringTest : public testing::Test {
 protected:
  UringTest() : waker_(Waker::create().value()) {
    auto made = Uring::create({.entries = 8,
                               .tcp_buffers = 4,
                               .tcp_buffer_size = 64,
                               .udp_buffers = 4,
                               .udp_buffer_size = 256,
                               .batch = 16,
                               .waker = waker_});
    if (made) {
      ring_ = std::move(*made);
    } else {
      ADD_FAILURE() << made.error().text;
    }
  }

  void SetUp() override { ASSERT_NE(ring_, nullptr); }

  // The next completion with this tag; others are kept for later.
  std::optional<Completion> next(std::uint64_t tag) {
    const Millis limit = monotonic_now() + time_bound();
    auto& kept = kept_[tag];
    while (kept.empty() && monotonic_now() < limit) {
      for (const Completion& c : ring_->wait(limit)) kept_[c.tag].push_back(c);
    }
    if (kept.empty()) {
      ADD_FAILURE() << "no completion for tag " << tag;
      return std::nullopt;
    }
    Completion out = kept.front();
    kept.pop_front();
    return out;
  }

  std::string text(const Completion& c) {
    return std::string(as_text(ring_->buffer(Group::tcp, c.buffer, static_cast<std::size_t>(c.result))));
  }

  // A connected pair: our descriptor, the client's socket.
  std::pair<int, FileDescriptor> connection(const Address& at = loopback(0)) {
    auto listener = listen_tcp(at, 16).value();
    constexpr std::uint64_t kTag = 900;
    ring_->accept(listener.get(), kTag);
    auto other = client(local_address(listener.get()), SOCK_STREAM);
    const int ours = next(kTag).value_or(Completion{.result = -1}).result;
    EXPECT_GE(ours, 0);
    return {ours, std::move(other)};
  }

  Waker waker_;
  std::unique_ptr<Uring> ring_;
  std::map<std::uint64_t, std::deque<Completion>> kept_;
};

}  // namespace anchord::io
