// anchorload boot: virtual phones that boot over real sockets. What a phone wants and
// what it makes of the answers is trust::VirtualPhone's; here is how it gets them.
//
// A client has one TCP connection at a time: to the file server, kept open while the
// phone fetches, or to a verification service, for one question. Who does not answer by
// one protocol is asked by the next; who is silent is not asked by it again in this boot.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "boot_statistics.h"
#include "client.h"
#include "faults.h"
#include "http_response.h"
#include "phones.h"
#include "stream.h"
#include "tftp_fetch.h"
#include "tvs_answer.h"
#include "worker.h"

namespace anchord::load {

// Stops a server that never ends a file.
constexpr std::size_t kMaxBootFile = std::size_t{16} << 20;

enum class FileProtocol { http, https, tftp };
struct FileServer {
  FileProtocol kind = FileProtocol::http;
  io::Address target;
};

struct BootSettings {
  std::vector<FileServer> file_servers;  // tried in this order; at least one
  std::vector<io::Address> tvs;          // as many as the phones know of
  Millis timeout = 5000;                 // with a file or an answer; for TFTP, with the next packet
  // The pause before a phone that got no file asks again: phones that are refused at once wait as long as
  // until a retransmit.
  Millis rest = timeout / kTftpTries;
  FaultPlan faults;
};

class BootProtocol final : public Protocol {
 public:
  BootProtocol(BootSettings settings, Phones& phones);

  Result<std::unique_ptr<Client>> make_client(Worker& worker, std::uint32_t id) override;
  std::size_t datagram_size() const override;
  std::string live() const override { return boot_statistics_.live(); }
  Json facts() const override;
  std::string facts_text() const override;
  Verdict verdict() const override;

  const BootSettings& settings() const { return settings_; }
  Phones& phones() { return phones_; }
  // The first problem of this machine: what a phone keeps could not be read or written.
  std::optional<Error> problem() const;

  // For clients.

  // By those of one thread.
  struct Shared {
    crypto::TlsContext tls;
    std::unique_ptr<trust::VerifiedFiles> verified = std::make_unique<trust::VerifiedFiles>();
  };
  struct Counters {
    std::atomic<std::uint64_t> files = 0;
    std::atomic<std::uint64_t> not_found = 0;
    std::atomic<std::uint64_t> questions = 0;
    std::atomic<std::uint64_t> connections = 0;
    std::atomic<std::uint64_t> other_way = 0;  // a file was asked for by the next protocol
    std::atomic<std::uint64_t> untrusted = 0;  // a verification service that was not asked
  };
  Counters& counters() { return counters_; }
  FaultCounters& fault_counters() { return fault_counters_; }
  BootStatistics& boot_statistics() { return boot_statistics_; }
  void note_problem(const Error& error);

 private:
  Result<const Shared*> shared_by(const Worker& worker);

  const BootSettings settings_;
  Phones& phones_;
  Counters counters_;
  FaultCounters fault_counters_;
  BootStatistics boot_statistics_;
  mutable std::mutex mutex_;
  std::map<const Worker*, Shared> shared_;
  std::optional<Error> problem_;
};

class BootClient final : public Client, private StreamOwner, private TftpFetchOwner {
 public:
  BootClient(BootProtocol& protocol, Worker& worker, std::uint32_t id, const BootProtocol::Shared& shared);

  void begin(const Task& task) override;
  void on_completion(std::uint8_t part, const io::Completion& completion) override;
  void on_deadline() override;

 private:
  enum class Doing { nothing, tftp, http, question, resting };

  void on_bytes(Bytes bytes) override;
  void on_secured() override;
  void on_end(const Failure& failure) override;
  void on_idle() override;
  std::optional<Failure> on_payload(Bytes payload) override;
  bool is_cut(std::size_t bytes, bool last) override;
  void on_cut() override;
  void on_fetched(const Failure* failure) override;

  void follow(trust::VirtualPhone::Want want);
  void end(const trust::VirtualPhone::Done& done);
  bool is_off();
  void switch_off();
  void put_back(bool pause);
  const FileServer& file_server() const { return protocol_.settings().file_servers[file_server_]; }

  void fetch();
  void fetch_by_way();
  void request();
  void judge_https();
  void request_by_connection();
  void take_response(Bytes bytes);
  void end_response();
  void got_file();
  void not_found();
  void no_file(const Failure& failure);
  void try_next_way(bool silent);

  void ask(trust::VirtualPhone::Ask ask);
  void take_answer(Bytes bytes);
  void no_answer(const Failure& failure);
  void go_without_answer(bool not_trusted);
  void ask_about_https();

  void use_connection();
  void connect();
  void connection_failed(const Failure& failure);

  BootProtocol& protocol_;
  Worker& worker_;
  const std::uint32_t id_;
  const BootProtocol::Shared& shared_;
  Stream stream_;
  TftpFetch tftp_;

  Task task_;
  std::optional<trust::VirtualPhone> phone_;
  std::uint32_t index_ = 0;
  trust::PhoneMemory before_;
  BootFaults faults_;
  bool off_soon_ = false;              // it switches off before it has an answer
  std::optional<std::size_t> cut_;     // behind so many bytes of this transfer
  std::size_t first_file_server_ = 0;  // those before it met with silence
  std::size_t file_server_ = 0;

  Doing doing_ = Doing::nothing;
  std::string file_;
  Buffer content_;
  Buffer question_;
  std::size_t server_ = 0;
  Buffer https_;    // the certificate that a question is about, when it is not the phone's own
  Buffer vouched_;  // one that was answered for in this boot

  bool sent_ = false;     // on this connection, what is being done now
  bool first_ = false;    // it is the connection's first
  bool is_late_ = false;  // its time is over, and what had arrived by then is being looked at
  bool judged_ = false;   // the phone trusts who is at the other end, by its lists or a verification service
  ResponseReader reader_;
  std::optional<Failure> failure_;  // of this response
  bool missing_ = false;            // it says that there is no such file
  bool last_ = false;               // the server closes after it
  TvsReader answer_;
  Millis deadline_ = 0;
  std::string request_;
};

}  // namespace anchord::load
