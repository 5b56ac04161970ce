#include "tvs_client.h"

#include <fmt/core.h>

#include <functional>

#include "anchord/base/writer.h"

namespace anchord::load {

TvsProtocol::TvsProtocol(const Plan& plan, TvsLoadSettings settings)
    : plan_(plan),
      settings_(std::move(settings)),
      first_(std::make_unique<std::atomic<std::uint64_t>[]>(settings_.certificates.size())) {}

Result<std::unique_ptr<Client>> TvsProtocol::make_client(Worker& worker, std::uint32_t id) {
  ANCHORD_TRY_ASSIGN(auto context, crypto::TlsContext::client(settings_.tls));
  auto client = std::make_unique<TvsClient>(*this, worker, id, std::move(context));
  ANCHORD_TRY(client->open());
  return client;
}

bool TvsProtocol::is_right(std::uint64_t certificate, Bytes answer, bool known) {
  (known ? known_ : unknown_).fetch_add(1, std::memory_order_relaxed);
  if (settings_.known && *settings_.known != known) return false;
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

TvsClient::TvsClient(TvsProtocol& protocol, Worker& worker, std::uint32_t id, crypto::TlsContext tls)
    : protocol_(protocol),
      worker_(worker),
      id_(id),
      tls_(std::move(tls)),
      device_(fmt::format("CP-8861-SEP{:012X}", id)),
      stream_(*this, worker, id) {}

Status TvsClient::open() {
  if (auto failure = stream_.prepare(protocol_.target().host)) return anchord::fail(failure->text);
  return {};
}

void TvsClient::flush() {
  if (tasks_.empty()) return;
  deadline_ = worker_.ring().now() + protocol_.settings().timeout;
  worker_.arm(id_, deadline_);
  if (stream_.ready()) return ask();
  if (!stream_.idle()) return;  // on_idle() comes back here
  reader_.reset();
  if (auto failure = stream_.open(protocol_.target(), {.tls = &tls_, .session = session_}))
    fail_all(*failure);
}

void TvsClient::on_secured() {
  protocol_.count_connection(stream_.tls());
  ask();
}

// Each question in a record of its own, as those send them who write one after the other.
void TvsClient::ask() {
  const auto& certificates = protocol_.settings().certificates;
  for (const Task& task : tasks_) {
    const Buffer& certificate = certificates[task.number % certificates.size()];
    question_.resize(wire::kTvsHeaderSize + certificate.size() + 64);
    Writer out(question_);
    wire::write_verify_request(out, {.session = static_cast<std::uint32_t>(task.number),
                                     .device = as_bytes(device_),
                                     .certificate = certificate});
    stream_.add(Bytes(question_).first(out.size()));
  }
  stream_.send();
}

void TvsClient::on_completion(std::uint8_t part, const io::Completion& completion) {
  stream_.on_completion(part, completion);
}

void TvsClient::on_bytes(Bytes bytes) {
  protocol_.count_record();
  worker_.add_bytes(bytes.size());
  reader_.give(bytes);
  while (stream_.is_open()) {
    auto message = reader_.next();
    if (!message) {
      fail_all({ErrorKind::protocol, message.error().text});
      return stream_.close();
    }
    if (tasks_.empty() && !(message->empty() && reader_.empty())) {
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
    fail_all({ErrorKind::protocol, read.error().text});
    return stream_.close();
  }
  tasks_.pop_front();
  const std::uint64_t certificate = task.number % protocol_.settings().certificates.size();
  if (protocol_.is_right(certificate, message, read->valid)) {
    worker_.succeed(id_, task);
  } else {
    const char* wrong = protocol_.settings().known == !read->valid
                            ? "certificate {} is {}known to it"
                            : "certificate {}: not as in the first answer";
    worker_.fail(
        id_, {ErrorKind::content, fmt::format(fmt::runtime(wrong), certificate, read->valid ? "" : "un")});
  }
  const TvsMode mode = protocol_.settings().mode;
  // With TLS 1.2 a resumed connection need not bring a new one.
  if (mode == TvsMode::resume && stream_.tls().session()) session_ = stream_.tls().session();
  if (mode == TvsMode::connect || mode == TvsMode::resume) stream_.close();
}

void TvsClient::fail_all(const Failure& failure) {
  for (; !tasks_.empty(); tasks_.pop_front()) worker_.fail(id_, failure);
}

void TvsClient::on_deadline() {
  if (tasks_.empty()) return;
  if (worker_.ring().now() < deadline_) return worker_.arm(id_, deadline_);
  fail_all({ErrorKind::timeout, fmt::format("no answer within {} ms", protocol_.settings().timeout)});
  stream_.close();
}

}  // namespace anchord::load
