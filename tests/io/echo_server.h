// A small server for any ring: sends back what it receives, by TCP and by UDP, and
// does all that the contract of a ring asks for (arming again, short sends,
// waiting for what is in flight before a close).
#pragma once

#include <cerrno>
#include <map>

#include "anchord/io/ring.h"

namespace anchord::io {

class EchoServer {
 public:
  EchoServer(Ring& ring, int listener, int socket) : ring_(ring), listener_(listener), socket_(socket) {
    ring_.accept(listener_, kAccept);
    ring_.receive_datagrams(socket_, kDatagrams);
    ring_.watch_waker(kWaker);
  }

  void tick() {
    for (const Completion& c : ring_.wait(kNever)) {
      if (c.tag == kAccept) {
        accepted(c);
      } else if (c.tag == kDatagrams) {
        datagram(c);
      } else if (c.tag == kWaker) {
        if (c.result >= 0) ++wakes;
        if (!c.more) ring_.watch_waker(kWaker);
      } else {
        Connection& on = connections_.at(c.tag & ~kKinds);
        if ((c.tag & kKinds) == kReceive) {
          received(on, c);
        } else {
          sent(on, c);
        }
        go_on(c.tag & ~kKinds, on);
      }
    }
  }

  // Asks all connections to end.
  void stop() {
    stopping_ = true;
    ring_.cancel(kAccept);
    for (auto& [number, on] : connections_) ring_.shutdown(on.descriptor);
  }

  std::size_t connections() const { return connections_.size(); }
  int wakes = 0;

 private:
  static constexpr std::uint64_t kAccept = 1;
  static constexpr std::uint64_t kDatagrams = 2;
  static constexpr std::uint64_t kWaker = 3;
  static constexpr std::uint64_t kReceive = 1ull << 32;
  static constexpr std::uint64_t kSend = 2ull << 32;
  static constexpr std::uint64_t kKinds = 3ull << 32;

  struct Connection {
    int descriptor = -1;
    bool receiving = false;
    bool sending = false;
    bool ended = false;  // no more comes
    bool failed = false;
    Buffer waiting;   // to be sent
    Buffer outgoing;  // being sent
  };

  void accepted(const Completion& c) {
    if (c.result >= 0) {
      const std::uint64_t number = next_++;
      Connection& on = connections_[number];
      on.descriptor = c.result;
      if (stopping_) ring_.shutdown(c.result);
      go_on(number, on);
    }
    if (!c.more && !stopping_) ring_.accept(listener_, kAccept);
  }

  void received(Connection& on, const Completion& c) {
    if (c.has_buffer) {
      const Bytes bytes = ring_.buffer(Group::tcp, c.buffer, static_cast<std::size_t>(c.result));
      on.waiting.insert(on.waiting.end(), bytes.begin(), bytes.end());
      ring_.recycle(Group::tcp, c.buffer);
    }
    on.receiving = c.more;
    if (c.result == 0) on.ended = true;
    if (c.result == -ECONNRESET) on.failed = true;
  }

  void sent(Connection& on, const Completion& c) {
    on.sending = false;
    if (c.result < 0) {
      on.failed = true;
    } else {
      on.outgoing.erase(on.outgoing.begin(), on.outgoing.begin() + c.result);
    }
  }

  void go_on(std::uint64_t number, Connection& on) {
    if (!on.failed && !on.sending) {
      on.outgoing.insert(on.outgoing.end(), on.waiting.begin(), on.waiting.end());
      on.waiting.clear();
      on.sending = !on.outgoing.empty();
      if (on.sending) ring_.send(on.descriptor, on.outgoing, number | kSend);
    }
    if (!on.ended && !on.failed && !on.receiving) {
      on.receiving = true;
      ring_.receive(on.descriptor, number | kReceive);
    }
    if (on.failed && on.receiving) ring_.cancel(number | kReceive);
    if ((on.ended || on.failed) && !on.receiving && !on.sending) {
      ring_.close(on.descriptor);
      connections_.erase(number);
    }
  }

  void datagram(const Completion& c) {
    if (c.has_buffer) {
      const Datagram in = ring_.datagram(c);
      OutDatagram& reply = ring_.new_datagram();
      reply.start(in.from, in.to, true);
      reply.copy(in.payload);
      ring_.send_datagram(socket_, reply, kIgnore);
      ring_.recycle(Group::udp, c.buffer);
    }
    if (!c.more) ring_.receive_datagrams(socket_, kDatagrams);
  }

  Ring& ring_;
  int listener_;
  int socket_;
  bool stopping_ = false;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Connection> connections_;
};

}  // namespace anchord::io
