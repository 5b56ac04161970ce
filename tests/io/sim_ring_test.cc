#include "sim_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "anchord/io/uring.h"

namespace anchord::io {
namespace {

Address at(const char* text) {
  return parse_address(text, 1000).value();
}

// One peer, one connection, no faults.
class SimRingTest : public testing::Test {
 protected:
  std::vector<Completion> tick(Millis deadline = 0) {
    const auto batch = sim_.wait(deadline);
    return {batch.begin(), batch.end()};
  }
  Completion one(Millis deadline = 0) {
    const auto batch = tick(deadline);
    EXPECT_EQ(batch.size(), 1u);
    return batch.empty() ? Completion{} : batch.front();
  }
  int accepted() {
    peer_ = sim_.connect(listener_, at("192.0.2.1:5000"));
    sim_.accept(listener_, 1);
    const Completion out = one();
    EXPECT_FALSE(out.more);
    return out.result;
  }
  std::string text(const Completion& c) {
    return std::string(as_text(sim_.buffer(Group::tcp, c.buffer, static_cast<std::size_t>(c.result))));
  }

  SimRing sim_{SimSettings{.tcp_buffers = 2,
                           .tcp_buffer_size = 8,
                           .udp_buffers = 2,
                           .udp_buffer_size = 100,
                           .batch = 3,
                           .socket_buffer = 10}};
  int listener_ = sim_.add_listener();
  int peer_ = -1;
};

TEST_F(SimRingTest, AcceptsAndKnowsThePeer) {
  const int connection = accepted();
  EXPECT_EQ(sim_.peer({.result = connection}), at("192.0.2.1:5000"));
  EXPECT_EQ(sim_.open_connections(), 1u);
  sim_.close(connection);
  EXPECT_EQ(sim_.open_connections(), 0u);
  EXPECT_TRUE(sim_.peer_closed_by_server(peer_));
}

TEST_F(SimRingTest, JoinsWhatArrivedAndFillsBuffersUntilNoneIsLeft) {
  const int connection = accepted();
  sim_.peer_send(peer_, as_bytes("0123"));
  sim_.peer_send(peer_, as_bytes("456789abcdefghij"));
  sim_.receive(connection, 2);
  const auto batch = tick();
  ASSERT_EQ(batch.size(), 3u);
  EXPECT_EQ(text(batch[0]), "01234567");
  EXPECT_EQ(text(batch[1]), "89abcdef");
  EXPECT_TRUE(batch[1].more);
  EXPECT_EQ(batch[2].result, -ENOBUFS);
  EXPECT_FALSE(batch[2].more);
  EXPECT_EQ(sim_.buffers_out(Group::tcp), 2u);
  sim_.recycle(Group::tcp, batch[0].buffer);
  sim_.receive(connection, 2);
  EXPECT_EQ(text(one()), "ghij");
}

TEST_F(SimRingTest, EndsAfterTheLastByte) {
  const int connection = accepted();
  sim_.peer_send(peer_, as_bytes("last"));
  sim_.peer_close(peer_);
  sim_.receive(connection, 2);
  const auto batch = tick();
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_EQ(text(batch[0]), "last");
  EXPECT_EQ(batch[1].result, 0);
  EXPECT_FALSE(batch[1].more);
  // The peer still reads.
  sim_.send(connection, as_bytes("bye"), 3);
  EXPECT_EQ(one().result, 3);
  EXPECT_EQ(as_text(sim_.peer_take(peer_)), "bye");
  EXPECT_TRUE(sim_.peer_take(peer_).empty());
}

TEST_F(SimRingTest, ABatchIsBounded) {
  const int connection = accepted();
  std::array<int, 5> listeners{};
  for (int& listener : listeners) {
    listener = sim_.add_listener();
    sim_.accept(listener, static_cast<std::uint64_t>(listener));
    sim_.connect(listener, at("192.0.2.2"));
  }
  EXPECT_EQ(tick().size(), 3u);
  EXPECT_TRUE(sim_.pending());
  EXPECT_EQ(tick().size(), 2u);
  EXPECT_FALSE(sim_.pending());
  EXPECT_EQ(sim_.open_connections(), 6u);
  sim_.close(connection);
}

TEST_F(SimRingTest, ABacklogThatIsFullRefuses) {
  const int waiting = sim_.connect(listener_, at("192.0.2.1:5000"));
  sim_.set_backlog(listener_, 1);
  EXPECT_TRUE(sim_.peer_closed_by_server(sim_.connect(listener_, at("192.0.2.1:5001"))));
  EXPECT_FALSE(sim_.peer_closed_by_server(waiting));
  sim_.accept(listener_, 1);
  EXPECT_GE(one().result, 0);
  EXPECT_FALSE(sim_.peer_closed_by_server(sim_.connect(listener_, at("192.0.2.1:5002"))));
}

TEST_F(SimRingTest, AStalledPeerTakesASocketBufferAndNoMore) {
  const int connection = accepted();
  sim_.peer_stall(peer_, true);
  const Buffer bytes(25, 'x');
  sim_.send(connection, bytes, 3);
  EXPECT_EQ(one().result, 10);
  sim_.send(connection, Bytes(bytes).subspan(10), 3);
  EXPECT_TRUE(tick().empty());
  EXPECT_TRUE(sim_.peer_take(peer_).empty());
  sim_.peer_stall(peer_, false);
  EXPECT_EQ(one().result, 10);
  EXPECT_EQ(sim_.peer_take(peer_).size(), 20u);
}

TEST_F(SimRingTest, PiecesAreOneStream) {
  const int connection = accepted();
  IovecList pieces;
  pieces.set(std::array{as_bytes("abc"), Bytes(), as_bytes("defghijklm")});
  sim_.send_iovecs(connection, pieces, 3);
  EXPECT_EQ(one().result, 10);  // the socket's buffer
  EXPECT_EQ(as_text(sim_.peer_take(peer_)), "abcdefghij");
  pieces.set(std::array{as_bytes("klm")});
  sim_.send_iovecs(connection, pieces, 3);
  EXPECT_EQ(one().result, 3);
  EXPECT_EQ(as_text(sim_.peer_take(peer_)), "klm");
}

TEST_F(SimRingTest, AListenerThatIsShutDownRefusesItsBacklogToo) {
  const int early = sim_.connect(listener_, at("192.0.2.1:5000"));
  sim_.shutdown(listener_);
  EXPECT_TRUE(sim_.peer_closed_by_server(early));
  EXPECT_TRUE(sim_.peer_closed_by_server(sim_.connect(listener_, at("192.0.2.1:5001"))));
  sim_.accept(listener_, 1);
  EXPECT_EQ(one().result, -EINVAL);
  EXPECT_EQ(sim_.operations_in_flight(), 0u);
}

TEST_F(SimRingTest, AVanishedPeerHoldsASendUntilItIsCancelledOrShutDown) {
  const int connection = accepted();
  sim_.receive(connection, 2);
  sim_.peer_vanish(peer_);
  sim_.peer_send(peer_, as_bytes("never"));
  sim_.peer_close(peer_);
  const Buffer bytes(10, 'x');
  sim_.send(connection, bytes, 3);
  EXPECT_EQ(one().result, 10);
  sim_.send(connection, bytes, 3);
  EXPECT_TRUE(tick().empty());
  sim_.cancel(3);
  EXPECT_EQ(one().result, -ECANCELED);
  sim_.send(connection, bytes, 3);
  EXPECT_TRUE(tick().empty());
  sim_.shutdown(connection);
  const auto batch = tick();
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_EQ(batch[0].result, 0);
  EXPECT_EQ(batch[1].result, -EPIPE);
  EXPECT_TRUE(sim_.peer_closed_by_server(peer_));
  sim_.close(connection);
}

TEST_F(SimRingTest, AResetLosesBytesAndFailsOnceThenBreaksThePipe) {
  const int connection = accepted();
  sim_.peer_send(peer_, as_bytes("lost"));
  sim_.peer_reset(peer_);
  sim_.receive(connection, 2);
  EXPECT_EQ(one().result, -ECONNRESET);
  sim_.send(connection, as_bytes("x"), 3);
  EXPECT_EQ(one().result, -EPIPE);
  sim_.receive(connection, 2);
  EXPECT_EQ(one().result, 0);
}

TEST_F(SimRingTest, WhatIsStalledDeafOrGoneIsNotAcknowledged) {
  const int connection = accepted();
  sim_.send(connection, as_bytes("first"), 3);
  one();
  EXPECT_EQ(sim_.unacknowledged(connection), 0u);
  sim_.peer_stall(peer_, true);
  sim_.send(connection, as_bytes("second"), 3);
  one();
  EXPECT_EQ(sim_.unacknowledged(connection), 6u);
  sim_.peer_stall(peer_, false);
  EXPECT_EQ(sim_.unacknowledged(connection), 0u);
  sim_.peer_deafen(peer_);
  sim_.send(connection, as_bytes("third"), 3);
  one();
  sim_.peer_send(peer_, as_bytes("more"));  // acknowledges what has reached it
  EXPECT_EQ(sim_.unacknowledged(connection), 5u);
  EXPECT_EQ(as_text(sim_.peer_take(peer_)), "firstsecond");
  sim_.peer_reset(peer_);
  EXPECT_EQ(sim_.unacknowledged(connection), 5u);
}

TEST_F(SimRingTest, TheEndIsAcknowledgedBehindTheBytes) {
  for (bool deaf : {false, true}) {
    const int connection = accepted();
    sim_.receive(connection, 2);
    sim_.peer_stall(peer_, true);
    if (deaf) sim_.peer_deafen(peer_);
    sim_.send(connection, as_bytes("last"), 3);
    one();
    sim_.finish(connection);
    EXPECT_TRUE(sim_.peer_closed_by_server(peer_));
    EXPECT_EQ(sim_.unacknowledged(connection), 5u);
    sim_.peer_stall(peer_, false);
    EXPECT_EQ(sim_.unacknowledged(connection), deaf ? 5u : 0u);
    sim_.peer_close(peer_);  // which is still heard
    EXPECT_EQ(one().result, 0);
    sim_.close(connection);
  }
}

TEST_F(SimRingTest, AClosedListenerRefuses) {
  const int waiting = sim_.connect(listener_, at("192.0.2.1"));
  EXPECT_FALSE(sim_.peer_closed_by_server(waiting));
  sim_.close(listener_);
  EXPECT_TRUE(sim_.peer_closed_by_server(waiting));
  EXPECT_TRUE(sim_.peer_closed_by_server(sim_.connect(listener_, at("192.0.2.1"))));
}

TEST_F(SimRingTest, DatagramsKeepTheirAddresses) {
  const int socket = sim_.add_udp_socket(at("192.0.2.9:69"));
  sim_.receive_datagrams(socket, 4);
  sim_.datagram(socket, at("192.0.2.1:5000"), as_bytes("ask"));
  const auto got = one();
  const Datagram in = sim_.datagram(got);
  ASSERT_TRUE(in.valid);
  EXPECT_EQ(as_text(in.payload), "ask");
  EXPECT_EQ(in.from, at("192.0.2.1:5000"));
  EXPECT_EQ(in.to, at("192.0.2.9").host);
  sim_.recycle(Group::udp, got.buffer);

  OutDatagram& out = sim_.new_datagram();
  out.start(in.from, parse_host("192.0.2.10").value(), true);
  out.copy(as_bytes("te"));
  out.refer(as_bytes("ll"));
  sim_.send_datagram(socket, out, 5);
  EXPECT_TRUE(sim_.take_datagrams().empty());
  EXPECT_TRUE(sim_.wait(0).empty());
  const auto sent = sim_.take_datagrams();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].socket, socket);
  EXPECT_EQ(sent[0].from, at("192.0.2.10:69"));
  EXPECT_EQ(sent[0].to, at("192.0.2.1:5000"));
  EXPECT_EQ(as_text(sent[0].bytes), "tell");
  EXPECT_TRUE(sim_.take_datagrams().empty());
}

TEST_F(SimRingTest, LongDatagramsAreCutAsByTheKernel) {
  const int socket = sim_.add_udp_socket(at("192.0.2.9:69"));
  sim_.receive_datagrams(socket, 4);
  sim_.datagram_to(socket, at("192.0.2.1"), at("192.0.2.11").host, Buffer(13, 'x'));
  sim_.datagram(socket, at("192.0.2.1"), Buffer(12, 'y'));
  const auto batch = tick();
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_EQ(sim_.datagram(batch[0]).payload.size(), 100 - kDatagramOverhead);
  EXPECT_TRUE(sim_.datagram(batch[0]).truncated);
  EXPECT_EQ(sim_.datagram(batch[0]).to, at("192.0.2.11").host);
  EXPECT_FALSE(sim_.datagram(batch[1]).truncated);
}

TEST_F(SimRingTest, WakesCountAsOneUntilSeen) {
  sim_.watch_waker(6);
  EXPECT_TRUE(tick().empty());
  sim_.wake();
  sim_.wake();
  EXPECT_TRUE(one().more);
  EXPECT_TRUE(tick().empty());
  sim_.wake();
  EXPECT_EQ(one().tag, 6u);
}

TEST_F(SimRingTest, TimeGoesToTheNextThingAndNeverBeyondTheLimit) {
  EXPECT_EQ(sim_.now(), SimRing::kStart);
  EXPECT_TRUE(tick(kNever).empty());
  EXPECT_EQ(sim_.now(), SimRing::kStart);

  sim_.run_until(SimRing::kStart + 100);
  std::vector<Millis> ran;
  sim_.at(SimRing::kStart + 40, [&] { ran.push_back(sim_.time()); });
  tick(SimRing::kStart + 15);
  EXPECT_EQ(sim_.now(), SimRing::kStart + 15);
  tick(kNever);
  EXPECT_EQ(sim_.now(), SimRing::kStart + 40);
  EXPECT_EQ(ran, std::vector{SimRing::kStart + 40});
  EXPECT_TRUE(sim_.pending());
  tick(kNever);
  EXPECT_EQ(sim_.now(), SimRing::kStart + 100);
  EXPECT_FALSE(sim_.pending());
  tick(kNever);
  EXPECT_EQ(sim_.now(), SimRing::kStart + 100);
}

TEST_F(SimRingTest, TimeThatPassesOutsideIsSeenByTheNextWait) {
  int ran = 0;
  sim_.at(SimRing::kStart + 10, [&] { ++ran; });
  sim_.advance(500);
  EXPECT_EQ(sim_.now(), SimRing::kStart);
  EXPECT_TRUE(sim_.pending());
  tick(SimRing::kStart + 20);
  EXPECT_EQ(sim_.now(), SimRing::kStart + 500);
  EXPECT_EQ(ran, 1);
}

using SimRingDeathTest = SimRingTest;

TEST_F(SimRingDeathTest, UseOfAClosedDescriptor) {
  const int connection = accepted();
  sim_.close(connection);
  const char* closed = "simulated ring: .* on descriptor [0-9]+, which is closed";
  EXPECT_DEATH(sim_.receive(connection, 2), closed);
  EXPECT_DEATH(sim_.send(connection, as_bytes("x"), 3), closed);
  EXPECT_DEATH(sim_.shutdown(connection), closed);
  EXPECT_DEATH(sim_.peer({.result = connection}), closed);
  EXPECT_DEATH(sim_.close(connection), "which is not open");
}

TEST_F(SimRingDeathTest, UseOfADescriptorOfAnotherWorld) {
  EXPECT_DEATH(sim_.receive(0, 2), "never given out");
  EXPECT_DEATH(sim_.receive(listener_, 2), "of another kind");
  EXPECT_DEATH(sim_.close(0), "which is not open");
}

TEST_F(SimRingDeathTest, CloseWithOperationsInFlight) {
  const int connection = accepted();
  sim_.receive(connection, 2);
  EXPECT_DEATH(sim_.close(connection), "with operations in flight \\(tag 0x2\\)");
  sim_.cancel(2);  // until its completion has been seen, it is in flight
  EXPECT_DEATH(sim_.close(connection), "with operations in flight");
  EXPECT_EQ(one().result, -ECANCELED);
  const Buffer bytes(20, 'x');
  sim_.send(connection, bytes, 3);
  EXPECT_DEATH(sim_.close(connection), "with operations in flight \\(tag 0x3\\)");
}

TEST_F(SimRingDeathTest, TwoSendsOrReceivesAtOnce) {
  const int connection = accepted();
  sim_.send(connection, as_bytes("x"), 3);
  EXPECT_DEATH(sim_.send(connection, as_bytes("y"), 4), "two sends in flight");
  sim_.receive(connection, 2);
  EXPECT_DEATH(sim_.receive(connection, 5), "receive armed twice");
  sim_.accept(listener_, 1);
  EXPECT_DEATH(sim_.accept(listener_, 6), "accept armed twice");
  sim_.watch_waker(7);
  EXPECT_DEATH(sim_.watch_waker(8), "watch_waker armed twice");
}

TEST_F(SimRingDeathTest, ASendBehindTheEnd) {
  const int connection = accepted();
  sim_.finish(connection);
  EXPECT_DEATH(sim_.send(connection, as_bytes("x"), 3), "simulated ring: a send on descriptor .* has ended");
}

TEST_F(SimRingDeathTest, ATagThatIsTakenOrReserved) {
  const int connection = accepted();
  sim_.receive(connection, 2);
  EXPECT_DEATH(sim_.send(connection, as_bytes("x"), 2), "the tag 0x2 is already in flight");
  EXPECT_DEATH(sim_.send(connection, as_bytes("x"), kIgnore), "kIgnore");
  EXPECT_DEATH(sim_.cancel(kIgnore), "kIgnore");
  EXPECT_DEATH(sim_.send(connection, {}, 3), "no bytes");
}

TEST_F(SimRingDeathTest, BytesThatChangeUnderASend) {
  const int connection = accepted();
  Buffer bytes(4, 'x');
  sim_.send(connection, bytes, 3);
  bytes[3] = 'y';
  EXPECT_DEATH(sim_.wait(0), "changed before its completion");
  bytes[3] = 'x';
  EXPECT_EQ(one().result, 4);
}

TEST_F(SimRingDeathTest, PiecesThatChangeUnderASend) {
  const int connection = accepted();
  Buffer bytes{'a', 'b', 'c'};
  IovecList pieces;
  pieces.set(std::array{as_bytes("x"), Bytes(bytes)});
  sim_.send_iovecs(connection, pieces, 3);
  bytes[1] = 'd';
  EXPECT_DEATH(tick(), "simulated ring: what was given to a send");
}

TEST_F(SimRingDeathTest, ADatagramThatChangesUnderASend) {
  const int socket = sim_.add_udp_socket(at("192.0.2.9:69"));
  OutDatagram& out = sim_.new_datagram();
  Buffer bytes = {'t', 'e', 'l', 'l'};
  out.start(at("192.0.2.1"), {}, true);
  out.refer(bytes);
  sim_.send_datagram(socket, out, 5);
  bytes[0] = 'b';
  EXPECT_DEATH(sim_.wait(0), "changed before it was submitted");
  bytes[0] = 't';
  sim_.submit();
  bytes[0] = 'b';
  EXPECT_TRUE(sim_.wait(0).empty());
}

TEST_F(SimRingDeathTest, BuffersThatAreNotTheShards) {
  const int connection = accepted();
  sim_.receive(connection, 2);
  EXPECT_DEATH(sim_.recycle(Group::tcp, 0), "recycle of the TCP buffer 0, which is not out");
  EXPECT_DEATH(sim_.recycle(Group::udp, 99), "recycle of the UDP buffer 99, which is not out");
  sim_.peer_send(peer_, as_bytes("hello"));
  const auto got = one();
  EXPECT_DEATH(sim_.recycle(Group::udp, got.buffer), "not out");
  EXPECT_DEATH(sim_.buffer(Group::tcp, got.buffer, 9), "use of 9 bytes");
  const Bytes kept = sim_.buffer(Group::tcp, got.buffer, 5);
  EXPECT_EQ(as_text(kept), "hello");
  sim_.recycle(Group::tcp, got.buffer);
  EXPECT_NE(as_text(kept), "hello");
  EXPECT_DEATH(sim_.recycle(Group::tcp, got.buffer), "not out");
  EXPECT_DEATH(sim_.buffer(Group::tcp, got.buffer, 1), "not out");
}

TEST_F(SimRingDeathTest, TurningInCircles) {
  EXPECT_DEATH(
      {
        for (;;) sim_.wait(0);
      },
      "turns in circles");
}

}  // namespace
}  // namespace anchord::io
