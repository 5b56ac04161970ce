// One TFTP read as a state machine over packets and time: no sockets (RFC 1350,
// options per RFC 2347, 2348 and 2349; window of one block).
//
// One packet is outstanding at any time: the OACK, then each DATA in turn. The same
// acknowledgement heard twice moves nothing, so a duplicated packet is never
// answered by two (the Sorcerer's Apprentice). Block numbers wrap to 0.
#pragma once

#include <array>
#include <cstdint>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/wire/tftp.h"

namespace anchord::service {

class TftpTransfer {
 public:
  enum class Next : std::uint8_t {
    wait,    // nothing to send
    send,    // send packet(), then wait for the deadline
    done,    // the last block is acknowledged
    give_up  // the peer is gone, or ended it
  };

  // What RFC 2349 lets a client ask for in its stead is bounded by this.
  static constexpr Millis kMaxRetryTimeout = 10'000;

  // A blksize of five digits, a tsize of twenty, a timeout of three, with names.
  static constexpr std::size_t kMaxHeader = 64;

  // `content` must stay until the transfer has ended.
  void start(Bytes content, const wire::TftpOptions& asked, Millis retry_timeout, unsigned retries);

  Next on_ack(std::uint16_t block);
  Next on_deadline();

  // The packet to send now: a header (or an OACK) and a piece of the content,
  // both in place until the next call of start(), on_ack() or on_deadline().
  Bytes header() const { return Bytes(header_).first(header_size_); }
  Bytes payload() const { return payload_; }

  // How long to wait for an answer to the packet that was sent last.
  Millis patience() const { return patience_; }

  bool acknowledged() const { return acknowledged_; }  // anything at all: the peer is real
  bool at_last_block() const { return block_ > 0 && payload_.size() < block_size_; }

 private:
  void make_oack(const wire::TftpOptions& agreed);
  void make_data();

  Bytes content_;
  Bytes payload_;
  std::array<std::uint8_t, kMaxHeader> header_{};
  std::size_t header_size_ = 0;
  std::uint64_t block_ = 0;  // the outstanding packet: 0 is the OACK
  std::uint16_t block_size_ = wire::kTftpDefaultBlockSize;
  Millis retry_timeout_ = 0;
  Millis patience_ = 0;
  unsigned retries_ = 0;
  unsigned repeated_ = 0;
  bool acknowledged_ = false;
};

}  // namespace anchord::service
