// One read by TFTP, the client's side, as a state machine over packets and time: RFC
// 1350, 2347, 2348, 2349 and 7440. It judges the server: what the RFCs do not allow is
// a failure, not something to be lived with.
//
// It sends one packet at a time, and does not look at ports: the caller gives it what
// came from the other end of this transfer only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/wire/tftp.h"
#include "failure.h"

namespace anchord::load {

// What is sent in vain so often is given up, unless something else is asked for.
constexpr unsigned kTftpTries = 5;

class TftpGet {
 public:
  enum class Next {
    wait,
    send,    // packet()
    done,    // packet() is the last acknowledgement, and to be sent
    failed,  // failure(); packet() is to be sent when it is not empty
  };

  // packet() is the request.
  void start(std::string_view file, wire::TftpMode mode, const wire::TftpOptions& asked,
             unsigned max_tries = kTftpTries);
  Next on_packet(Bytes datagram);
  Next on_timeout();

  // The server has answered: this transfer's other end is known.
  bool answered() const { return answered_; }
  Bytes packet() const { return Bytes(packet_).first(packet_size_); }
  // What the last on_packet() brought, next to what came before; a view into it.
  Bytes payload() const { return payload_; }
  std::size_t block_size() const { return block_size_; }
  std::size_t window() const { return window_; }
  const Failure& failure() const { return failure_; }

 private:
  Next on_data(const wire::TftpData& data);
  Next on_oack(const wire::TftpOptions& negotiated);
  Next on_error(const wire::TftpError& error);
  Next acknowledge();
  Next fail(ErrorKind kind, std::string text, std::optional<wire::TftpErrorCode> told = {});

  wire::TftpMode mode_ = wire::TftpMode::octet;
  wire::TftpOptions asked_;
  bool answered_ = false;
  bool oack_seen_ = false;
  std::size_t block_size_ = wire::kTftpDefaultBlockSize;
  std::size_t window_ = 1;
  std::optional<std::uint64_t> announced_;  // tsize
  std::uint64_t expected_ = 1;              // the next block
  std::uint64_t received_ = 0;              // bytes
  std::size_t in_window_ = 0;               // blocks since the last acknowledgement
  bool gap_told_ = false;
  unsigned max_tries_ = kTftpTries;
  unsigned tries_ = 0;
  Bytes payload_;
  std::array<std::uint8_t, wire::kMaxTftpRequest> packet_;
  std::size_t packet_size_ = 0;
  Failure failure_;
};

}  // namespace anchord::load
