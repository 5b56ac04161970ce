// anchorload tvs: clients that ask a verification service whether certificates are good,
// over new connections, resumed ones, or one that stays open, one question at a time or
// several.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client.h"
#include "stream.h"
#include "tvs_answer.h"
#include "worker.h"

namespace anchord::load {

enum class TvsMode {
  connect,    // a new connection for each question, as phones do
  resume,     // likewise, with what the last one left to resume it by
  keepalive,  // all on one, one after the other
  pipeline,   // all on one, several at once, the next when all are answered
};

struct TvsLoadSettings {
  TvsMode mode = TvsMode::connect;
  unsigned depth = 1;                // for pipeline
  Millis timeout = 5000;             // with what is asked at once
  std::vector<Buffer> certificates;  // DER, asked about in turn; at least one
  std::optional<bool> known;         // what every answer must be
  crypto::TlsClientSettings tls;
};

class TvsProtocol final : public Protocol {
 public:
  TvsProtocol(const Plan& plan, TvsLoadSettings settings);

  Result<std::unique_ptr<Client>> make_client(Worker& worker, std::uint32_t id) override;
  unsigned depth() const override { return settings_.depth; }
  Json facts() const override;

  const io::Address& target() const { return plan_.target; }
  const TvsLoadSettings& settings() const { return settings_; }
  // All answers about one certificate must be the same. False: this one is not, or not
  // what every answer must be.
  bool is_right(std::uint64_t certificate, Bytes answer, bool known);
  void count_connection(const crypto::TlsEngine& engine);
  void count_record() { records_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const Plan& plan_;
  const TvsLoadSettings settings_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> first_;  // digest of each first answer; 0: none yet
  std::atomic<std::uint64_t> known_ = 0;
  std::atomic<std::uint64_t> unknown_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<std::uint64_t> resumed_ = 0;
  std::atomic<std::uint64_t> records_ = 0;  // of TLS, with answers in them
  mutable std::mutex mutex_;
  std::string version_;  // of the first connection
  std::string cipher_;
};

class TvsClient final : public Client, private StreamOwner {
 public:
  // A context is one thread's: each client has its own.
  TvsClient(TvsProtocol& protocol, Worker& worker, std::uint32_t id, crypto::TlsContext tls);

  Status open();  // before the run

  void begin(const Task& task) override { tasks_.push_back(task); }
  void flush() override;
  void on_completion(std::uint8_t part, const io::Completion& completion) override;
  void on_deadline() override;

 private:
  void on_bytes(Bytes bytes) override;
  void on_secured() override;
  void on_end(const Failure& failure) override { fail_all(failure); }
  void on_idle() override { flush(); }

  void ask();
  void take_answer(Bytes message);
  void fail_all(const Failure& failure);

  TvsProtocol& protocol_;
  Worker& worker_;
  const std::uint32_t id_;
  const crypto::TlsContext tls_;
  const std::string device_;
  Stream stream_;
  crypto::TlsSession session_;
  std::deque<Task> tasks_;  // in the order of their questions
  TvsReader reader_;
  Millis deadline_ = 0;
  Buffer question_;
};

}  // namespace anchord::load
