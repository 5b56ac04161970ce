// anchorload tftp: clients that each read one file after the other from a port of
// their own.
#pragma once

#include <atomic>

#include "anchord/io/socket.h"
#include "client.h"
#include "copies.h"
#include "tftp_get.h"
#include "worker.h"

namespace anchord::load {

struct TftpWish {
  wire::TftpMode mode = wire::TftpMode::octet;
  wire::TftpOptions options;
  Millis patience = 1000;  // until a packet is repeated
};

class TftpProtocol final : public Protocol {
 public:
  TftpProtocol(const Plan& plan, const TftpWish& wish, Copies& copies);

  Result<std::unique_ptr<Client>> make_client(Worker& worker, std::uint32_t id) override;
  std::size_t datagram_size() const override;
  Json facts() const override;

  const io::Address& target() const { return plan_.target; }
  const TftpWish& wish() const { return wish_; }
  Copies& copies() { return copies_; }
  void agreed(std::size_t block_size, std::size_t window);

 private:
  const Plan& plan_;
  TftpWish wish_;
  Copies& copies_;
  std::atomic<std::size_t> block_size_ = 0;  // of the last transfer that was answered
  std::atomic<std::size_t> window_ = 0;
};

class TftpClient final : public Client {
 public:
  TftpClient(TftpProtocol& protocol, Worker& worker, std::uint32_t id, io::Descriptor socket);

  void begin(const Task& task) override;
  void on_completion(std::uint8_t part, const io::Completion& completion) override;
  void on_deadline() override;

 private:
  static constexpr std::uint8_t kReceivePart = 0;
  static constexpr std::uint8_t kSendPart = 1;

  void on_datagram(const io::Datagram& datagram);
  void on_network_error(int error, bool sending);
  void proceed(TftpGet::Next next);
  void take_payload();
  void send(Bytes packet);
  void send_to(const io::Address& to, Bytes packet);
  void end(const Failure* failure);

  TftpProtocol& protocol_;
  Worker& worker_;
  const std::uint32_t id_;
  io::Descriptor socket_;
  const bool v4_;
  bool busy_ = false;
  Task task_;
  TftpGet get_;
  Copy copy_;
  bool pending_return_ = false;  // netascii: a CR whose second byte is in the next block
  Buffer decoded_;
  io::Address peer_;     // the server's end: where requests go, then the transfer's
  Millis deadline_ = 0;  // moves with each packet; the timer follows when it fires
};

}  // namespace anchord::load
