// The bytes of one service's connections: received buffers that wait, the output that is on its way, and
// which operations are in flight. It knows no protocol, no deadline and no limit on how many connections
// there are.
//
// A connection has at most one receive armed and one send in flight. It is open from open() to close(), and
// must not be closed while something of it is in flight. While its output is on its way, received buffers
// wait in order.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <memory>

#include "anchord/io/ring.h"
#include "context/shard_context.h"
#include "context/tag.h"
#include "limits/slot_list.h"
#include "stream/buffer_pool.h"
#include "stream/held_buffers.h"
#include "stream/stream_identity.h"

namespace anchord::service {

// The received bytes of all of a shard's connections, which share the ring's buffers.
struct TcpBuffers {
  HeldBuffers held;
  bool freed = false;  // one was given back since the last tick
};

class ConnectionIo {
 public:
  // What has come of a receive.
  enum class Received : std::uint8_t {
    bytes,
    end,      // the peer's side has ended
    starved,  // no buffer was free: the connection waits for one
    nothing,  // the operation ended for another reason, and can be armed again
    reset,    // the peer's host has broken it off, without an end before that
    failed,   // the connection is broken
  };
  // What has come of a send.
  struct Sent {
    bool failed = false;    // the connection is broken
    bool reset = false;     // ... as Received::reset has it
    std::size_t bytes = 0;  // that the socket has taken
  };

  // `room` is what a protocol needs to write its output, in bytes.
  ConnectionIo(ShardContext& shard, TcpBuffers& buffers, const StreamIdentity& identity, std::uint32_t slots,
               std::size_t room);

  void open(std::uint32_t slot, std::uint32_t generation, int descriptor);
  // Ends both directions, so that what is in flight completes, and gives back what was received.
  void shut_down(std::uint32_t slot);
  // Ends our direction, behind what was sent, when no send is in flight; gives back all buffers.
  void finish(std::uint32_t slot);
  bool is_in_flight(std::uint32_t slot) const { return links_[slot].sending || links_[slot].receiving; }
  void close(std::uint32_t slot);

  // Receiving. What came is kept when it is `wanted`, and dropped otherwise. Who is starved is put in line by
  // await_buffer().
  Received on_receive(std::uint32_t slot, const io::Completion& completion, bool wanted);
  void await_buffer(std::uint32_t slot);
  // Keeps a receive armed, but for a connection whose earlier bytes still wait. Not for one whose peer has
  // ended.
  void keep_receiving(std::uint32_t slot);
  bool has_input(std::uint32_t slot) const { return !links_[slot].held.empty(); }
  // The oldest buffer that waits; there is one.
  Bytes input(std::uint32_t slot) const {
    const HeldBuffers& held = buffers_.held;
    const Link& link = links_[slot];
    return shard_.ring.buffer(io::Group::tcp, held.front(link.held), held.front_length(link.held));
  }
  // Gives that one back.
  void drop_input(std::uint32_t slot);

  // Sending. The room for the next output; it stays until the output is sent or released.
  MutableBytes room(std::uint32_t slot) {
    Link& link = links_[slot];
    if (link.output == BufferPool::kNone) link.output = outputs_.acquire();
    return outputs_[link.output];
  }
  // Sends what was written into the room, and the body behind it, which stays in place until all is sent.
  // False: there is nothing to send.
  bool send(std::uint32_t slot, std::size_t written, const std::array<Bytes, 2>& body);
  // Takes note of what the socket has taken. The caller goes on with send_rest() while something is left
  // to send.
  Sent on_send(std::uint32_t slot, const io::Completion& completion);
  std::size_t left_to_send(std::uint32_t slot) const {
    const Link& link = links_[slot];
    return link.output_size + link.body[0].size() + link.body[1].size() - link.sent;
  }
  void send_rest(std::uint32_t slot);
  // When the last send was handed to the ring: nothing of it left before.
  Millis sent_at(std::uint32_t slot) const { return links_[slot].sent_at; }
  void release_room(std::uint32_t slot);
  bool is_sending(std::uint32_t slot) const { return links_[slot].sending; }
  // How much of the connection's output the peer's host has, in bytes. Costs a system call.
  std::uint64_t acknowledged(std::uint32_t slot) const;

  // Backpressure: a connection is stalled when its received buffers wait while its output does not move.
  void note_stall(std::uint32_t slot);
  // The connection that keeps buffers from others for too long; kNone.
  std::uint32_t stalled_for_long(Millis now) const {
    const bool is_long = !stalled_.empty() && now - links_[stalled_.front()].stalled_since > kStallGrace;
    return is_long ? stalled_.front() : SlotList::kNone;
  }
  // Connections that wait for a free buffer.
  bool starving() const { return !starved_.empty(); }
  // When to look for one, if no other sign comes.
  Millis retry_at() const { return starved_.empty() ? kNever : starved_retry_; }
  // Calls receive(slot) for each of them, when there may be buffers again.
  template <class Receive>
  void retry_starved(Millis now, Receive&& receive) {
    if (!buffers_.freed && now < starved_retry_) return;
    for (std::uint32_t waiting = starved_.size(); waiting > 0; --waiting) {
      const std::uint32_t slot = starved_.front();
      starved_.remove(slot);
      receive(slot);
    }
    starved_retry_ = kNever;
  }

 private:
  struct Link {
    HeldBuffers::Queue held;
    int descriptor = -1;
    std::uint32_t generation = 0;
    std::uint32_t output = BufferPool::kNone;
    std::uint32_t output_size = 0;
    std::array<Bytes, 2> body{};     // behind the output
    std::size_t sent = 0;            // of both
    std::uint64_t output_taken = 0;  // by the socket, in all
    io::IovecList iovecs;
    Millis sent_at = 0;        // when the last send was handed to the ring
    Millis stalled_since = 0;  // of the send that holds back received buffers
    bool receiving = false;    // a receive is armed
    bool cancelling = false;   // ... and was asked to end
    bool sending = false;      // a send is in flight
    bool finished = false;     // our direction has ended
  };

  // Received buffers that one connection may hold while its output is on its
  // way: a client that asks and does not read takes no more than these.
  static constexpr std::uint32_t kMaxHeld = 8;
  // The most in one send: the copying delays everything else of the shard.
  static constexpr std::size_t kMaxSend = 256 * 1024;
  // A stalled connection may keep its buffers from others for that long.
  static constexpr Millis kStallGrace = 100;
  // When no other sign comes, free buffers are looked for again after this time.
  static constexpr Millis kStarvedRetry = 10;

  std::uint64_t tag(TagKind kind, std::uint32_t slot) const {
    return Tag{kind, links_[slot].generation, slot}.packed();
  }
  void recycle_front(Link& link);
  void let_go(std::uint32_t slot);

  ShardContext& shard_;
  TcpBuffers& buffers_;
  const TagKind receive_;
  const TagKind send_;
  std::unique_ptr<Link[]> links_;
  BufferPool outputs_;
  SlotList starved_;  // waiting for a free buffer
  SlotList stalled_;  // sending, with received buffers waiting
  Millis starved_retry_ = kNever;
};

}  // namespace anchord::service
