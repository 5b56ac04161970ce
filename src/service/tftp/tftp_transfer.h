// One TFTP read as a state machine over packets and time: no sockets (RFC 1350,
// options per RFC 2347, 2348, 2349 and 7440).
//
// What is outstanding is the OACK, or a window of blocks behind the last one that
// was acknowledged. Without a windowsize that is one block, and an acknowledgement
// heard twice moves nothing, so a duplicated packet is never answered by two (the
// Sorcerer's Apprentice). In a window an acknowledgement of less than all, or the
// last one again, says that a block was lost; but it may also be a duplicate. So the
// window is sent again at once only when the peer can have seen all that was sent
// before, and else after the time that this takes.
//
// Block numbers wrap to 0; inside they are counted without end.
#pragma once

#include <array>
#include <cstdint>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/index/file_table.h"
#include "anchord/wire/tftp.h"
#include "tftp/netascii.h"

namespace anchord::service {

class TftpTransfer {
 public:
  enum class Next : std::uint8_t {
    wait,        // nothing to send; the deadline may have changed
    send,        // send what is outstanding
    retransmit,  // the same, and a part of it was sent before
    done,        // the last block is acknowledged
    give_up,     // the peer is gone
    too_slow     // it acknowledges, but less than the least pace
  };

  // Bounds the timeout that a client may ask for (RFC 2349).
  static constexpr Millis kMaxRetryTimeout = 10'000;
  // The largest window, whatever the client asks for: it leaves as one GSO batch and fits a client's
  // socket buffer. A larger window would not make a byte cheaper to send.
  static constexpr std::uint16_t kMaxWindow = 64;
  static constexpr std::size_t kMaxWindowBytes = 65'507;
  // In netascii each block is translated into the datagram that it leaves in.
  static constexpr std::uint16_t kMaxTextBlock = 1'468;
  // A send that fails before it reaches the network is made again after kSendErrorPause, at most
  // kMaxSendErrors times for one window: the machine's queue may be blocked.
  static constexpr unsigned kMaxSendErrors = 20;
  static constexpr Millis kSendErrorPause = 10;
  // A peer must take kLeastTaken bytes of its file, or all that is left of it, in each kPaceTime. That is 68
  // bytes a second: a peer that acknowledges a few bytes just before each deadline would otherwise keep its
  // transfer, and its version of the file, for days. The slowest honest phone asks for 512 bytes at a time:
  // in lock step over a satellite that loses a tenth of the packets it takes 400 bytes a second, and as one
  // of fifty on a link of 64 kbit/s it takes 145.
  static constexpr std::uint64_t kLeastTaken = 8 * 1024;
  static constexpr Millis kPaceTime = 120'000;
  // Added to the measured round trip, since the clock ticks in milliseconds.
  static constexpr Millis kClockTick = 2;

  struct ReadOptions {
    bool text = false;  // netascii
    wire::TftpOptions options;
    Millis retry_timeout = 0;
    unsigned retries = 0;
  };

  // Begins the transfer; the caller sends what is outstanding then. `file` must stay until the transfer has
  // ended.
  void start(const index::FileBody& file, const ReadOptions& asked, Millis now);

  Next on_ack(std::uint16_t block, Millis now);
  Next on_deadline(Millis now);    // does nothing before the deadline
  void on_send_error(Millis now);  // a send failed

  // What is outstanding: the OACK while it is not acknowledged, else the blocks from
  // first() to last(), in octets or in netascii. All but the file's last have
  // block_size() bytes.
  bool oack_pending() const { return oack_pending_; }
  const wire::TftpOptions& oack() const { return oack_; }
  std::uint64_t first() const { return base_ + 1; }
  std::uint64_t last() const { return sent_; }
  std::uint16_t block_size() const { return block_size_; }
  bool is_text() const { return is_text_; }
  std::array<Bytes, 2> octets(std::uint64_t block) const;
  NetasciiReader text() const { return text_; }  // at first()

  Millis deadline() const { return deadline_; }
  Millis sent_at() const { return sent_at_; }  // when what is outstanding, or was last, was sent

  bool acknowledged() const { return acknowledged_; }  // anything at all: the peer is real
  bool at_last_block() const { return sent_ == last_; }
  std::uint64_t delivered() const;  // bytes of the file that were acknowledged

 private:
  void negotiate(const ReadOptions& asked);
  void move_base(std::uint64_t blocks);
  void extend();
  Next transmit(Millis now, Next how);
  Next lacks_a_block(Millis since, Millis now);
  void hasten(Millis due);
  bool is_too_slow(Millis now);

  const index::FileBody* file_ = nullptr;
  wire::TftpOptions oack_;
  NetasciiReader text_;     // at the block after base_
  std::uint64_t base_ = 0;  // the last block that was acknowledged
  std::uint64_t sent_ = 0;  // the last block that was sent
  std::uint64_t last_ = 0;  // the file's last; in netascii kNever until it is sent
  std::uint16_t block_size_ = wire::kTftpDefaultBlockSize;
  std::uint16_t window_ = 1;
  bool is_text_ = false;
  bool oack_pending_ = false;
  bool acknowledged_ = false;
  bool retransmitted_base_ = false;  // what is outstanding was sent more than once
  bool hastened_ = false;            // the base's acknowledgement came again
  bool early_ = false;               // the deadline is not that of a lost packet
  unsigned retransmits_ = 0;         // at how many deadlines
  unsigned send_errors_ = 0;
  unsigned retries_ = 0;
  Millis retry_timeout_ = 0;
  Millis timeout_ = 0;  // with its back-off
  Millis deadline_ = kNever;
  Millis sent_at_ = 0;
  Millis restarted_at_ = 0;  // when a window was last begun anew for want of a block
  Millis round_trip_ = 0;    // the last one that was measured
  Millis pace_due_ = 0;      // when more must be delivered, ...
  std::uint64_t paced_ = 0;  // ... than what was when that was set
};

}  // namespace anchord::service
