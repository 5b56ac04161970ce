#include "http_client.h"

#include <fmt/core.h>

namespace anchord::load {
HttpProtocol::HttpProtocol(const Plan& plan, unsigned depth, Millis timeout, Copies& copies,
                           std::optional<crypto::TlsClientSettings> tls)
    : plan_(plan),
      host_(plan.target.text()),
      depth_(depth),
      timeout_(timeout),
      copies_(copies),
      tls_(std::move(tls)) {}

Result<std::unique_ptr<Client>> HttpProtocol::make_client(Worker& worker, std::uint32_t id) {
  std::optional<crypto::TlsContext> context;
  if (tls_) {
    ANCHORD_TRY_ASSIGN(auto made, crypto::TlsContext::client(*tls_));
    context = std::move(made);
  }
  auto client = std::make_unique<HttpClient>(*this, worker, id, std::move(context));
  ANCHORD_TRY(client->open());
  return client;
}

HttpClient::HttpClient(HttpProtocol& protocol, Worker& worker, std::uint32_t id,
                       std::optional<crypto::TlsContext> tls)
    : protocol_(protocol),
      worker_(worker),
      id_(id),
      tls_(std::move(tls)),
      stream_(*this, worker, id),
      copy_(protocol.copies()) {}

Status HttpClient::open() {
  if (auto failure = stream_.prepare(protocol_.target().host)) return anchord::fail(failure->text);
  return {};
}

void HttpClient::flush() {
  if (tasks_.empty()) return;
  deadline_ = worker_.ring().now() + protocol_.timeout();
  worker_.arm(id_, deadline_);
  if (stream_.idle()) {
    forget_response();
    protocol_.count_connection();
    if (auto failure = stream_.open(protocol_.target(), {.tls = tls_ ? &*tls_ : nullptr}))
      return fail_all(*failure);
  }
  if (stream_.ready()) ask();
}

// Everything that is not answered yet.
void HttpClient::ask() {
  const FileNames& names = protocol_.copies().names();
  request_.clear();
  for (const Task& task : tasks_) {
    write_get(request_, names.name(task.number % names.count()), protocol_.host());
  }
  stream_.send(as_bytes(request_));
}

void HttpClient::on_completion(std::uint8_t part, const io::Completion& completion) {
  stream_.on_completion(part, completion);
}

void HttpClient::on_bytes(Bytes bytes) {
  while (!bytes.empty() && stream_.is_open()) {
    if (tasks_.empty()) {
      worker_.complain({ErrorKind::protocol, "bytes behind the last response"});
      return stream_.close();
    }
    auto step = reader_.take(bytes);
    if (!step) return give_up_connection({ErrorKind::protocol, step.error().text});
    bytes = bytes.subspan(step->taken);
    if (step->head != nullptr) begin_body(*step->head);
    take_body(step->body);
    if (step->ended) end_response();
  }
}

void HttpClient::begin_body(const ResponseHead& head) {
  last_ = head.close;
  etag_ = head.etag;
  if (head.status == 200) {
    copy_.start(tasks_.front().number % protocol_.copies().names().count());
  } else {
    failure_ = Failure{head.status == 404 ? ErrorKind::not_found : ErrorKind::server,
                       fmt::format("status {} {}", head.status, shown(head.reason))};
  }
}

void HttpClient::take_body(Bytes piece) {
  if (failure_ || piece.empty()) return;
  worker_.add_bytes(piece.size());
  if (!copy_.add(piece)) failure_ = Failure{ErrorKind::content, copy_.failure()};
}

void HttpClient::end_response() {
  if (!failure_ && !copy_.finish(etag_)) failure_ = Failure{ErrorKind::content, copy_.failure()};
  const Task task = tasks_.front();
  tasks_.pop_front();
  if (failure_) {
    worker_.fail(id_, *failure_);
  } else {
    worker_.succeed(id_, task);
  }
  failure_.reset();
  if (!last_) return;
  // What was asked for behind it is asked again on the next connection.
  stream_.close();
}

void HttpClient::forget_response() {
  reader_.reset();
  failure_.reset();
  last_ = false;
}

void HttpClient::fail_all(const Failure& failure) {
  for (; !tasks_.empty(); tasks_.pop_front()) worker_.fail(id_, failure);
  forget_response();
}

// The others that it was asked for are asked for again.
void HttpClient::give_up_connection(const Failure& failure) {
  tasks_.pop_front();
  worker_.fail(id_, failure);
  stream_.close();
}

void HttpClient::on_deadline() {
  if (tasks_.empty()) return;
  if (worker_.ring().now() < deadline_) return worker_.arm(id_, deadline_);
  fail_all({ErrorKind::timeout, fmt::format("no answer within {} ms", protocol_.timeout())});
  stream_.close();
}

}  // namespace anchord::load
