// One read by TFTP after the other, from UDP ports of its own, on the worker's ring.
// What is read is given to the owner as it comes, from within on_completion() and
// on_deadline().
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "anchord/io/socket.h"
#include "client.h"
#include "failure.h"
#include "tftp_get.h"

namespace anchord::load {

struct TftpReadSettings {
  wire::TftpMode mode = wire::TftpMode::octet;
  wire::TftpOptions options;
  Millis timeout = 1000;  // until a packet is repeated
  unsigned tries = kTftpTries;
  // A port for each read, as phones do. Otherwise one for all, which is less work; who
  // asks for different files may then take a late answer for that to the next request.
  bool new_ports = false;
};

class TftpFetchOwner {
 public:
  // A failure ends the read.
  virtual std::optional<Failure> on_payload(Bytes payload) = 0;
  // Asked of each block, the size of which is given, before it is acknowledged; true: nothing is
  // said to the server any more, which does not hear of it, and the read is over.
  virtual bool is_cut(std::size_t, bool /*last*/) { return false; }
  // It was.
  virtual void on_cut() {}
  // The read is over, rightly when `failure` is null. Another may be started at once.
  virtual void on_fetched(const Failure* failure) = 0;
  // The request is sent once more: nobody has answered it.
  virtual void on_retransmit() {}

 protected:
  ~TftpFetchOwner() = default;
};

class TftpFetch {
 public:
  // Descriptors, besides the socket in use and one that is being closed.
  static constexpr std::size_t kMaxDead = 2;

  // The completions of `client` with these parts, and the one behind them, belong here.
  static constexpr std::uint8_t kSendPart = 3;
  static constexpr std::uint8_t kReceivePart = 4;

  // A copy of `settings` is kept.
  TftpFetch(TftpFetchOwner& owner, Worker& worker, std::uint32_t client, const TftpReadSettings& settings)
      : owner_(owner), worker_(worker), client_(client), settings_(settings) {}

  // Makes the socket for targets like this one, which start() does otherwise.
  Status open(const io::Address& target);
  // Only when no read is under way. Fails when there is no socket to be had.
  Status start(const io::Address& target, std::string_view file);
  void on_completion(std::uint8_t part, const io::Completion& completion);
  void on_deadline();
  // The read that is under way, if any, is over, and the server does not hear of it.
  void abandon();
  // From reads that were abandoned the server hears nothing, not even that their ports are closed,
  // until now; but for the oldest, when there are more than kMaxDead.
  void forget_abandoned() { dead_.clear(); }

  // The state of the last read, as far as it has come.
  const TftpGet& get() const { return get_; }

 private:
  void on_datagram(const io::Datagram& datagram);
  void on_network_error(int error, bool sending);
  void proceed(TftpGet::Next next);
  void wait();
  void retire(bool dead);
  void send_to(const io::Address& to, Bytes packet);
  void end(const Failure* failure);

  TftpFetchOwner& owner_;
  Worker& worker_;
  const std::uint32_t client_;
  const TftpReadSettings settings_;
  FileDescriptor socket_;
  std::uint8_t receive_part_ = kReceivePart;  // the other one's belong to old_
  FileDescriptor old_;                        // being closed
  bool old_is_dead_ = false;                  // it is kept instead
  std::vector<FileDescriptor> dead_;          // open, so that the kernel does not answer for them
  bool busy_ = false;
  TftpGet get_;
  io::Address target_;
  io::Address peer_;     // the server's end: where requests go, then the transfer's
  Millis deadline_ = 0;  // moves with what brings the read forward; the timer follows when it fires
};

}  // namespace anchord::load
