#include "http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace anchord::load {
namespace {

// Letters, digits and what RFC 3986 lets stand in a path stay; the rest is encoded.
std::string encoded_path(std::string_view name) {
  constexpr std::string_view kPlain = "-._~!$&'()*+,;=:@/";
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

HttpProtocol::HttpProtocol(const Plan& plan, unsigned depth, Millis patience, Copies& copies,
                           std::optional<crypto::TlsClientSettings> tls)
    : plan_(plan), depth_(depth), patience_(patience), copies_(copies), tls_(std::move(tls)) {}

Result<std::unique_ptr<Client>> HttpProtocol::make_client(Worker& worker, std::uint32_t id) {
  std::optional<crypto::TlsContext> context;
  if (tls_) {
    auto made = crypto::TlsContext::client(*tls_);
    if (!made) return std::unexpected(made.error());
    context = std::move(*made);
  }
  return std::make_unique<HttpClient>(*this, worker, id, std::move(context));
}

Json HttpProtocol::facts() const {
  return {{"connections_opened", connections_.load()}};
}

HttpClient::HttpClient(HttpProtocol& protocol, Worker& worker, std::uint32_t id,
                       std::optional<crypto::TlsContext> tls)
    : protocol_(protocol),
      worker_(worker),
      id_(id),
      tls_(std::move(tls)),
      stream_(*this, worker, id, tls_ ? &*tls_ : nullptr),
      copy_(protocol.copies()) {}

void HttpClient::begin(const Task& task) {
  tasks_.push_back(task);
}

// Asks everything that this connection has not been asked yet, or makes one first.
void HttpClient::flush() {
  if (tasks_.empty() || last_) return;
  if (stream_.idle()) {
    asked_ = 0;
    forget_response();
    protocol_.count_connection();
    if (auto failure = stream_.open(protocol_.target())) {
      asked_ = tasks_.size();
      return fail_asked(*failure);
    }
  }
  if (!stream_.is_open()) return;  // on_idle() comes back here
  if (asked_ == 0) deadline_ = worker_.ring().now() + protocol_.patience();
  worker_.arm(id_, deadline_);
  const FileNames& names = protocol_.copies().names();
  request_.clear();
  for (; asked_ < tasks_.size(); ++asked_) {
    fmt::format_to(std::back_inserter(request_), "GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n",
                   encoded_path(names.name(tasks_[asked_].number % names.count())),
                   protocol_.target().text());
  }
  stream_.send(as_bytes(request_));
}

void HttpClient::on_completion(std::uint8_t part, const io::Completion& completion) {
  stream_.on_completion(part, completion);
}

void HttpClient::on_bytes(Bytes bytes) {
  deadline_ = worker_.ring().now() + protocol_.patience();
  while (!bytes.empty() && stream_.is_open()) {
    if (asked_ == 0) {
      worker_.complain({ErrorKind::protocol, "bytes behind the last response"});
      return stream_.close();
    }
    bytes = bytes.subspan(in_body_ ? take_body(bytes) : take_head(bytes));
  }
}

std::size_t HttpClient::take_head(Bytes bytes) {
  const std::size_t before = head_.size();
  const Bytes piece = bytes.first(std::min(bytes.size(), kMaxResponseHead - before));
  head_.insert(head_.end(), piece.begin(), piece.end());
  const std::size_t size = response_head_size(head_);
  if (size == 0) {
    // Nothing but HTTP begins with an H: others need not be waited for.
    if (head_.front() != 'H' || head_.size() == kMaxResponseHead) {
      give_up_connection({ErrorKind::protocol, "not an HTTP response: " + shown(as_text(head_))});
    }
    return piece.size();
  }
  auto head = parse_response_head(Bytes(head_).first(size));
  if (head) {
    begin_body(*head);
  } else {
    give_up_connection({ErrorKind::protocol, head.error().text});
  }
  return size - before;
}

void HttpClient::begin_body(const ResponseHead& head) {
  in_body_ = true;
  last_ = head.close;
  body_left_ = head.length;
  etag_ = head.etag;
  if (head.status == 200) {
    copy_.start(tasks_.front().number % protocol_.copies().names().count());
  } else {
    failure_ = Failure{head.status == 404 ? ErrorKind::not_found : ErrorKind::server,
                       fmt::format("status {} {}", head.status, shown(head.reason))};
  }
  if (body_left_ == 0) end_response();
}

std::size_t HttpClient::take_body(Bytes bytes) {
  const Bytes piece = bytes.first(std::min<std::uint64_t>(bytes.size(), body_left_));
  body_left_ -= piece.size();
  if (!failure_) {
    worker_.add_bytes(piece.size());
    if (!copy_.add(piece)) failure_ = Failure{ErrorKind::content, copy_.failure()};
  }
  if (body_left_ == 0) end_response();
  return piece.size();
}

void HttpClient::end_response() {
  if (!failure_ && !copy_.finish(etag_)) failure_ = Failure{ErrorKind::content, copy_.failure()};
  const Task task = tasks_.front();
  tasks_.pop_front();
  --asked_;
  if (failure_) {
    worker_.fail(id_, *failure_);
  } else {
    worker_.succeed(id_, task);
  }
  const bool last = last_;
  forget_response();
  if (!last) return;
  // What was asked for behind it is asked again on the next connection.
  asked_ = 0;
  stream_.close();
}

void HttpClient::forget_response() {
  head_.clear();
  failure_.reset();
  in_body_ = last_ = false;
}

void HttpClient::fail_asked(const Failure& failure) {
  for (; asked_ > 0; --asked_) {
    tasks_.pop_front();
    worker_.fail(id_, failure);
  }
  forget_response();
}

// The others that it was asked for are asked for again.
void HttpClient::give_up_connection(const Failure& failure) {
  asked_ = 1;
  fail_asked(failure);
  stream_.close();
}

// A server may close a connection that is not in use.
void HttpClient::on_end(const Failure& failure) {
  fail_asked(failure);
}

void HttpClient::on_idle() {
  flush();
}

void HttpClient::on_deadline() {
  if (tasks_.empty()) return;
  if (worker_.ring().now() < deadline_) return worker_.arm(id_, deadline_);
  asked_ = tasks_.size();
  fail_asked({ErrorKind::timeout, fmt::format("no answer within {} ms", protocol_.patience())});
  stream_.close();
}

}  // namespace anchord::load
