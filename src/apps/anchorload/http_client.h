// anchorload http: clients that each keep one connection open and read one file after
// the other, or several at once (pipelining) and the next when all have come, over HTTP or
// HTTPS.
#pragma once

#include <atomic>
#include <deque>
#include <optional>
#include <string>

#include "client.h"
#include "copies.h"
#include "http_response.h"
#include "stream.h"
#include "worker.h"

namespace anchord::load {

class HttpProtocol final : public Protocol {
 public:
  // `tls`: HTTPS; the server must present `pinned`, if there is one.
  HttpProtocol(const Plan& plan, unsigned depth, Millis timeout, Copies& copies,
               std::optional<crypto::TlsClientSettings> tls);

  Result<std::unique_ptr<Client>> make_client(Worker& worker, std::uint32_t id) override;
  unsigned depth() const override { return depth_; }
  Json facts() const override;
  std::uint64_t not_compared() const override { return copies_.not_compared(); }

  const io::Address& target() const { return plan_.target; }
  const std::string& host() const { return host_; }  // as requests name it
  Millis timeout() const { return timeout_; }
  Copies& copies() { return copies_; }
  void count_connection() { connections_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const Plan& plan_;
  const std::string host_;
  const unsigned depth_;
  const Millis timeout_;  // with what is asked for at once
  Copies& copies_;
  const std::optional<crypto::TlsClientSettings> tls_;
  std::atomic<std::uint64_t> connections_ = 0;  // that were opened
};

class HttpClient final : public Client, private StreamOwner {
 public:
  // A context is one thread's: each client has its own.
  HttpClient(HttpProtocol& protocol, Worker& worker, std::uint32_t id, std::optional<crypto::TlsContext> tls);

  Status open();  // before the run

  void begin(const Task& task) override { tasks_.push_back(task); }
  void flush() override;
  void on_completion(std::uint8_t part, const io::Completion& completion) override;
  void on_deadline() override;

 private:
  void on_bytes(Bytes bytes) override;
  void on_secured() override { ask(); }
  void on_end(const Failure& failure) override { fail_all(failure); }
  void on_idle() override { flush(); }

  void ask();
  void begin_body(const ResponseHead& head);
  void take_body(Bytes piece);
  void end_response();
  void forget_response();
  void fail_all(const Failure& failure);
  void give_up_connection(const Failure& failure);

  HttpProtocol& protocol_;
  Worker& worker_;
  const std::uint32_t id_;
  const std::optional<crypto::TlsContext> tls_;
  Stream stream_;
  std::deque<Task> tasks_;  // in the order of their requests
  ResponseReader reader_;
  bool last_ = false;  // the server closes after this response
  std::string etag_;
  std::optional<Failure> failure_;  // of this response
  Copy copy_;
  Millis deadline_ = 0;
  std::string request_;
};

}  // namespace anchord::load
