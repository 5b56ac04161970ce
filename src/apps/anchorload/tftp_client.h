// anchorload tftp: clients that each read one file after the other from a port of
// their own, or from a new one for each read.
#pragma once

#include <atomic>

#include "client.h"
#include "copies.h"
#include "tftp_fetch.h"
#include "worker.h"

namespace anchord::load {

class TftpProtocol final : public Protocol {
 public:
  TftpProtocol(const Plan& plan, const TftpReadSettings& settings, Copies& copies);

  Result<std::unique_ptr<Client>> make_client(Worker& worker, std::uint32_t id) override;
  std::size_t datagram_size() const override;
  Json facts() const override;
  std::uint64_t not_compared() const override { return copies_.not_compared(); }

  const io::Address& target() const { return plan_.target; }
  const TftpReadSettings& settings() const { return settings_; }
  Copies& copies() { return copies_; }
  void negotiated(std::size_t block_size, std::size_t window);
  void count_retransmit() { retransmits_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const Plan& plan_;
  TftpReadSettings settings_;
  Copies& copies_;
  std::atomic<std::size_t> block_size_ = 0;  // of the last transfer that was answered
  std::atomic<std::size_t> window_ = 0;
  std::atomic<std::uint64_t> retransmits_ = 0;  // requests that were retransmitted
};

class TftpClient final : public Client, private TftpFetchOwner {
 public:
  TftpClient(TftpProtocol& protocol, Worker& worker, std::uint32_t id);
  Status open() { return fetch_.open(protocol_.target()); }

  void begin(const Task& task) override;
  void on_completion(std::uint8_t part, const io::Completion& completion) override {
    fetch_.on_completion(part, completion);
  }
  void on_deadline() override { fetch_.on_deadline(); }

 private:
  std::optional<Failure> on_payload(Bytes payload) override;
  void on_fetched(const Failure* failure) override;
  void on_retransmit() override { protocol_.count_retransmit(); }

  TftpProtocol& protocol_;
  Worker& worker_;
  const std::uint32_t id_;
  TftpFetch fetch_;
  Task task_;
  Copy copy_;
  bool pending_return_ = false;  // netascii: a CR whose second byte is in the next block
  Buffer decoded_;
};

}  // namespace anchord::load
