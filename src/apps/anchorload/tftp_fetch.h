// One read by TFTP after the other, from UDP ports of its own, on the worker's ring.
// What is read is given to the owner as it comes, from within on_completion() and
// on_deadline().
#pragma once

#include <optional>
#include <string_view>

#include "anchord/io/socket.h"
#include "client.h"
#include "failure.h"
#include "tftp_get.h"

namespace anchord::load {

struct TftpWish {
  wire::TftpMode mode = wire::TftpMode::octet;
  wire::TftpOptions options;
  Millis patience = 1000;  // until a packet is repeated
  // A port for each read, as phones do. Otherwise one for all, which is less work; who
  // asks for different files may then take a late answer for that to the next request.
  bool new_ports = false;
};

class TftpFetchOwner {
 public:
  // A failure ends the read.
  virtual std::optional<Failure> on_payload(Bytes payload) = 0;
  // The read is over, rightly when `failure` is null. Another may be started at once.
  virtual void on_fetched(const Failure* failure) = 0;
  // The request is sent once more: nobody has answered it.
  virtual void on_repeat() {}

 protected:
  ~TftpFetchOwner() = default;
};

class TftpFetch {
 public:
  // The completions of `client` with these parts, and the one behind them, belong here.
  static constexpr std::uint8_t kSendPart = 3;
  static constexpr std::uint8_t kReceivePart = 4;

  // A copy of `wish` is kept.
  TftpFetch(TftpFetchOwner& owner, Worker& worker, std::uint32_t client, const TftpWish& wish)
      : owner_(owner), worker_(worker), client_(client), wish_(wish) {}

  // Makes the socket for targets like this one, which start() does otherwise.
  Status open(const io::Address& target);
  // Only when no read is under way. Fails when there is no socket to be had.
  Status start(const io::Address& target, std::string_view file);
  void on_completion(std::uint8_t part, const io::Completion& completion);
  void on_deadline();

  // Of the last read, as far as it has come.
  const TftpGet& get() const { return get_; }

 private:
  void on_datagram(const io::Datagram& datagram);
  void on_network_error(int error, bool sending);
  void proceed(TftpGet::Next next);
  void wait();
  void retire();
  void send_to(const io::Address& to, Bytes packet);
  void end(const Failure* failure);

  TftpFetchOwner& owner_;
  Worker& worker_;
  const std::uint32_t client_;
  const TftpWish wish_;
  io::Descriptor socket_;
  std::uint8_t receive_part_ = kReceivePart;  // the other one's belong to old_
  io::Descriptor old_;                        // being closed
  bool busy_ = false;
  TftpGet get_;
  io::Address target_;
  io::Address peer_;     // the server's end: where requests go, then the transfer's
  Millis deadline_ = 0;  // moves with what brings the read forward; the timer follows when it fires
};

}  // namespace anchord::load
