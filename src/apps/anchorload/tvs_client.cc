#include "tvs_client.h"

#include <fmt/format.h>

#include <functional>

#include "anchord/base/writer.h"

namespace anchord::load {

TvsProtocol::TvsProtocol(const Plan& plan, TvsWish wish)
    : plan_(plan),
      wish_(std::move(wish)),
      first_(std::make_unique<std::atomic<std::uint64_t>[]>(wish_.certificates.size())) {}

Result<std::unique_ptr<Client>> TvsProtocol::make_client(Worker& worker, std::uint32_t id) {
  auto context = crypto::TlsContext::client(wish_.tls);
  if (!context) return std::unexpected(std::move(context.error()));
  return std::make_unique<TvsClient>(*this, worker, id, std::move(*context));
}

bool TvsProtocol::is_right(std::uint64_t certificate, Bytes answer, bool known) {
  (known ? known_ : unknown_).fetch_add(1, std::memory_order_relaxed);
  if (wish_.known && *wish_.known != known) return false;
  // All but the session, which is each question's own.
  const std::uint64_t digest =
      std::hash<std::string_view>{}(as_text(answer.subspan(wire::kTvsHeaderSize))) | 1;
  std::uint64_t first = 0;
  return first_[certificate].compare_exchange_strong(first, digest) || first == digest;
}

void TvsProtocol::count_connection(const crypto::TlsEngine& engine) {
  if (engine.resumed()) resumed_.fetch_add(1, std::memory_order_relaxed);
  if (connections_.fetch_add(1, std::memory_order_relaxed) > 0) return;
  const std::lock_guard lock(mutex_);
  version_ = engine.version();
  cipher_ = engine.cipher();
}

Json TvsProtocol::facts() const {
  const std::lock_guard lock(mutex_);
  return {{"known", known_.load()},     {"unknown", unknown_.load()}, {"handshakes", connections_.load()},
          {"resumed", resumed_.load()}, {"tls_version", version_},    {"cipher", cipher_}};
}

TvsClient::TvsClient(TvsProtocol& protocol, Worker& worker, std::uint32_t id, crypto::TlsContext tls)
    : protocol_(protocol), worker_(worker), id_(id), tls_(std::move(tls)), stream_(*this, worker, id) {}

// Asks everything that this connection has not been asked yet, or makes one first.
void TvsClient::flush() {
  if (tasks_.empty()) return;
  if (stream_.idle()) {
    asked_ = 0;
    reader_.reset();
    if (auto failure = stream_.open(protocol_.target(), {.tls = &tls_, .session = session_})) {
      asked_ = tasks_.size();
      return fail_asked(*failure);
    }
  }
  if (!stream_.is_open()) return;  // on_idle() comes back here
  if (asked_ == 0) deadline_ = worker_.ring().now() + protocol_.wish().patience;
  worker_.arm(id_, deadline_);
  questions_.clear();
  for (; asked_ < tasks_.size(); ++asked_) write_question(tasks_[asked_]);
  stream_.send(questions_);
}

void TvsClient::write_question(const Task& task) {
  const auto& certificates = protocol_.wish().certificates;
  const std::string device = fmt::format("CP-8861-SEP{:012X}", id_);
  const Buffer& certificate = certificates[task.number % certificates.size()];
  const std::size_t before = questions_.size();
  questions_.resize(before + wire::kTvsHeaderSize + certificate.size() + 64);
  Writer out(MutableBytes(questions_).subspan(before));
  wire::write_verify_request(out, {.session = static_cast<std::uint32_t>(task.number),
                                   .device = as_bytes(device),
                                   .certificate = certificate});
  questions_.resize(before + out.size());
}

void TvsClient::on_completion(std::uint8_t part, const io::Completion& completion) {
  stream_.on_completion(part, completion);
}

void TvsClient::on_bytes(Bytes bytes) {
  deadline_ = worker_.ring().now() + protocol_.wish().patience;
  worker_.add_bytes(bytes.size());
  reader_.give(bytes);
  while (stream_.is_open()) {
    auto message = reader_.next();
    if (!message) {
      fail_asked({ErrorKind::protocol, message.error().text});
      return stream_.close();
    }
    if (asked_ == 0 && !(message->empty() && reader_.empty())) {
      worker_.complain({ErrorKind::protocol, "bytes behind the last answer"});
      return stream_.close();
    }
    if (message->empty()) return;
    take_answer(*message);
  }
}

void TvsClient::take_answer(Bytes message) {
  const Task task = tasks_.front();
  const auto read = read_answer({.session = static_cast<std::uint32_t>(task.number)}, message);
  if (!read) {
    fail_asked({ErrorKind::protocol, read.error().text});
    return stream_.close();
  }
  tasks_.pop_front();
  --asked_;
  const std::uint64_t certificate = task.number % protocol_.wish().certificates.size();
  if (protocol_.is_right(certificate, message, read->valid)) {
    worker_.succeed(id_, task);
  } else {
    const char* wrong = protocol_.wish().known == !read->valid ? "certificate {} is {}known to it"
                                                               : "certificate {}: not as in the first answer";
    worker_.fail(
        id_, {ErrorKind::content, fmt::format(fmt::runtime(wrong), certificate, read->valid ? "" : "un")});
  }
  const TvsMode mode = protocol_.wish().mode;
  // With TLS 1.2 a resumed connection need not bring a new one.
  if (mode == TvsMode::resume && stream_.tls().session()) session_ = stream_.tls().session();
  if (mode == TvsMode::connect || mode == TvsMode::resume) stream_.close();
}

void TvsClient::fail_asked(const Failure& failure) {
  for (; asked_ > 0; --asked_) {
    tasks_.pop_front();
    worker_.fail(id_, failure);
  }
}

void TvsClient::on_deadline() {
  if (tasks_.empty()) return;
  if (worker_.ring().now() < deadline_) return worker_.arm(id_, deadline_);
  asked_ = tasks_.size();
  fail_asked({ErrorKind::timeout, fmt::format("no answer within {} ms", protocol_.wish().patience)});
  stream_.close();
}

}  // namespace anchord::load
