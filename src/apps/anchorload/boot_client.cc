#include "boot_client.h"

#include <fmt/core.h>

#include <utility>
#include <variant>

namespace anchord::load {

using trust::VirtualPhone;

// There is no shorter answer: its head alone is longer.
constexpr std::size_t kHttpCutWithin = 128;
// For what has arrived and is not looked at yet.
constexpr Millis kUnreadTimeout = 10;

BootClient::BootClient(BootProtocol& protocol, Worker& worker, std::uint32_t id,
                       const BootProtocol::Shared& shared)
    : protocol_(protocol),
      worker_(worker),
      id_(id),
      shared_(shared),
      stream_(*this, worker, id),
      tftp_(*this, worker, id, {.timeout = protocol.settings().timeout / kTftpTries, .new_ports = true}) {}

void BootClient::begin(const Task& task) {
  auto one = protocol_.phones().take();
  if (!one) {
    protocol_.note_problem(one.error());
    return worker_.fail(id_, {ErrorKind::network, one.error().text});
  }
  task_ = task;
  index_ = one->index;
  before_ = one->memory;
  faults_ = BootFaults(protocol_.settings().faults, one->mac, one->boot);
  protocol_.fault_counters().add(faults_);
  off_soon_ = false;
  worker_.place(id_, one->mac);
  tftp_.forget_abandoned();
  one->settings.verified = shared_.verified.get();
  first_file_server_ = 0;
  vouched_.clear();
  phone_.emplace(std::move(one->settings), std::move(one->memory));
  follow(phone_->boot(calendar_now()));
}

void BootClient::follow(VirtualPhone::Want want) {
  doing_ = Doing::nothing;
  if (!done(want)) {
    const BootFaults::Power power = faults_.want();
    if (power == BootFaults::Power::off) return switch_off();
    off_soon_ = power == BootFaults::Power::off_soon;
  }
  if (auto* wanted = std::get_if<VirtualPhone::Fetch>(&want)) {
    file_ = std::move(wanted->name);
    fetch();
  } else if (auto* asked = std::get_if<VirtualPhone::Ask>(&want)) {
    ask(std::move(*asked));
  } else {
    end(std::get<VirtualPhone::Done>(want));
  }
}

void BootClient::end(const VirtualPhone::Done& done) {
  const std::string& name = phone_->settings().name;
  protocol_.boot_statistics().add(name, done);
  if (!done.damage.empty()) worker_.complain({ErrorKind::content, name + ": " + done.damage});
  put_back(done.end != trust::BootEnd::fine);
}

// Asked of whatever a phone is answered: it may be off before that reaches it.
bool BootClient::is_off() {
  if (off_soon_) switch_off();
  return off_soon_;
}

// It holds what it has installed up to now.
void BootClient::switch_off() {
  tftp_.abandon();
  protocol_.boot_statistics().add_off();
  put_back(false);
}

void BootClient::put_back(bool pause) {
  doing_ = Doing::nothing;
  stream_.close();
  if (Status kept = protocol_.phones().put_back(index_, before_, phone_->memory()); !kept) {
    protocol_.note_problem(kept.error());
  }
  phone_.reset();
  before_ = {};
  worker_.succeed(id_, task_, pause);
}

// Files.

void BootClient::fetch() {
  file_server_ = first_file_server_;
  fetch_by_way();
}

void BootClient::fetch_by_way() {
  content_.clear();
  const bool by_tftp = file_server().kind == FileProtocol::tftp;
  if (by_tftp ? faults_.tftp() : faults_.http()) return try_next_way(true);
  cut_ = faults_.cut(off_soon_);
  if (!by_tftp) {
    doing_ = Doing::http;
    return use_connection();
  }
  doing_ = Doing::tftp;
  if (Status started = tftp_.start(file_server().target, file_); !started) {
    no_file({ErrorKind::network, started.error().text});
  }
}

void BootClient::request() {
  if (cut_) {
    if (auto failure = stream_.cut_after(1 + *cut_ % kHttpCutWithin)) {
      stream_.close();
      return no_file(*failure);
    }
  }
  sent_ = true;
  failure_.reset();
  missing_ = last_ = false;
  reader_.reset();
  request_.clear();
  write_get(request_, file_, file_server().target.text());
  stream_.send(as_bytes(request_));
}

void BootClient::take_response(Bytes bytes) {
  while (!bytes.empty() && stream_.is_open()) {
    if (doing_ != Doing::http || !sent_) {
      worker_.complain({ErrorKind::protocol, "bytes behind the last response"});
      return stream_.close();
    }
    auto step = reader_.take(bytes);
    if (!step) {
      stream_.close();
      return no_file({ErrorKind::protocol, step.error().text});
    }
    bytes = bytes.subspan(step->taken);
    if (const ResponseHead* head = step->head; head != nullptr) {
      last_ = head->close;
      missing_ = head->status == 404;
      if (head->status != 200 && !missing_) {
        failure_ = {ErrorKind::server, fmt::format("status {} {}", head->status, shown(head->reason))};
      }
    }
    if (!failure_ && !missing_) {
      if (auto too_long = on_payload(step->body)) {
        stream_.close();
        return no_file(*too_long);
      }
    }
    if (step->ended) end_response();
  }
}

void BootClient::end_response() {
  sent_ = false;
  if (last_) stream_.close();
  if (failure_) return no_file(*failure_);
  missing_ ? not_found() : got_file();
}

std::optional<Failure> BootClient::on_payload(Bytes payload) {
  worker_.add_bytes(payload.size());
  content_.insert(content_.end(), payload.begin(), payload.end());
  if (content_.size() <= kMaxBootFile) return std::nullopt;
  return Failure{ErrorKind::content, fmt::format("{} does not end within 16 MiB", file_)};
}

// By TFTP.
bool BootClient::is_cut(std::size_t bytes, bool last) {
  return cut_ && (last || content_.size() + bytes > *cut_);
}

void BootClient::on_cut() {
  FaultCounters& counters = protocol_.fault_counters();
  (doing_ == Doing::tftp ? counters.cut_tftp : counters.cut_http).fetch_add(1, std::memory_order_relaxed);
  stream_.close();
  if (is_off()) return;
  try_next_way(false);
}

void BootClient::on_fetched(const Failure* failure) {
  if (failure == nullptr) return got_file();
  failure->kind == ErrorKind::not_found ? not_found() : no_file(*failure);
}

void BootClient::got_file() {
  if (is_off()) return;
  protocol_.counters().files.fetch_add(1, std::memory_order_relaxed);
  const auto from =
      doing_ == Doing::http && judged_ ? VirtualPhone::From::trusted_server : VirtualPhone::From::anybody;
  follow(phone_->got_file(content_, calendar_now(), from));
}

void BootClient::not_found() {
  if (is_off()) return;
  protocol_.counters().not_found.fetch_add(1, std::memory_order_relaxed);
  follow(phone_->not_found(calendar_now()));
}

void BootClient::no_file(const Failure& failure) {
  if (is_off()) return;
  const bool is_last = file_server_ + 1 == protocol_.settings().file_servers.size();
  // What the server does wrong is told always; that nobody is there is no news while
  // there is another file server.
  if (is_last || failure.kind == ErrorKind::protocol || failure.kind == ErrorKind::content) {
    worker_.complain({failure.kind, file_ + ": " + failure.text});
  }
  try_next_way(failure.kind == ErrorKind::timeout);
}

void BootClient::try_next_way(bool silent) {
  if (file_server_ + 1 == protocol_.settings().file_servers.size()) {
    doing_ = Doing::resting;
    deadline_ = worker_.ring().now() + protocol_.settings().rest;
    return worker_.arm(id_, deadline_);
  }
  ++file_server_;
  if (silent) first_file_server_ = file_server_;
  protocol_.counters().other_way.fetch_add(1, std::memory_order_relaxed);
  fetch_by_way();
}

// An HTTPS server must be on the phone's lists, or a verification service must vouch for
// it. Who has no list has nothing to judge by; as soon as it has one, it judges by that.
void BootClient::judge_https() {
  const trust::PhoneMemory& memory = phone_->memory();
  Buffer presented = stream_.tls().peer_certificate_der();
  const bool no_judge = !phone_->settings().security_by_default || (memory.itl.empty() && memory.ctl.empty());
  judged_ = !no_judge && (same_bytes(presented, vouched_) || phone_->trusts_https(presented, calendar_now()));
  if (no_judge || judged_) return request();
  stream_.close();
  https_ = std::move(presented);
  server_ = 0;
  ask_about_https();
}

// Questions.

void BootClient::ask_about_https() {
  if (server_ < protocol_.settings().tvs.size()) return ask(phone_->ask_https(https_, server_));
  https_.clear();
  no_file({ErrorKind::server, "nobody vouches for the HTTPS server's certificate"});
}

void BootClient::ask(VirtualPhone::Ask ask) {
  doing_ = Doing::question;
  server_ = ask.server;
  question_ = std::move(ask.message);
  answer_.reset();
  if (faults_.tvs()) return go_without_answer(false);
  use_connection();
}

void BootClient::take_answer(Bytes bytes) {
  answer_.give(bytes);
  auto message = answer_.next();
  if (message && message->empty()) return;
  Status good;
  if (!message) {
    good = std::unexpected(message.error());
  } else if (auto read = read_answer(tvs_asked(question_), *message); !read) {
    good = std::unexpected(read.error());
  } else if (!answer_.empty()) {
    good = fail("a malformed answer: more bytes than one message has");
  }
  stream_.close();
  if (!good) {
    return no_answer({ErrorKind::protocol, good.error().text});
  }
  if (is_off()) return;
  if (https_.empty()) return follow(phone_->got_answer(*message, calendar_now()));
  const Buffer presented = std::exchange(https_, {});
  if (!phone_->got_https_answer(presented, *message, calendar_now())) {
    return no_file({ErrorKind::server, "the HTTPS server's certificate is not vouched for"});
  }
  vouched_ = presented;
  fetch_by_way();
}

void BootClient::no_answer(const Failure& failure) {
  if (!off_soon_) worker_.complain({failure.kind, "verification service: " + failure.text});
  go_without_answer(false);
}

void BootClient::go_without_answer(bool not_trusted) {
  if (is_off()) return;
  if (https_.empty()) return follow(phone_->no_answer(not_trusted, calendar_now()));
  ++server_;
  ask_about_https();
}

// The connection.

void BootClient::use_connection() {
  sent_ = first_ = is_late_ = false;
  deadline_ = worker_.ring().now() + protocol_.settings().timeout;
  worker_.arm(id_, deadline_);
  if (doing_ == Doing::http && stream_.is_open()) return request_by_connection();
  stream_.close();  // each question is asked on a new one
  if (stream_.idle()) connect();
}

void BootClient::request_by_connection() {
  file_server().kind == FileProtocol::https && !judged_ ? judge_https() : request();
}

void BootClient::on_idle() {
  if (doing_ == Doing::http || doing_ == Doing::question) connect();
}

void BootClient::connect() {
  const bool asks = doing_ == Doing::question;
  const bool secure = asks || file_server().kind == FileProtocol::https;
  protocol_.counters().connections.fetch_add(1, std::memory_order_relaxed);
  first_ = true;
  judged_ = false;
  const io::Address& target = asks ? protocol_.settings().tvs[server_] : file_server().target;
  if (auto failure = stream_.open(target, {.tls = secure ? &shared_.tls : nullptr}))
    return connection_failed(*failure);
  if (!secure) request();
}

void BootClient::on_secured() {
  if (doing_ == Doing::http) return request_by_connection();
  if (phone_->trusts_tvs(stream_.tls().peer_certificate_der())) {
    protocol_.counters().questions.fetch_add(1, std::memory_order_relaxed);
    return stream_.send(question_);
  }
  stream_.close();
  protocol_.counters().untrusted.fetch_add(1, std::memory_order_relaxed);
  go_without_answer(true);
}

void BootClient::on_bytes(Bytes bytes) {
  doing_ == Doing::question ? take_answer(bytes) : take_response(bytes);
}

void BootClient::on_end(const Failure& failure) {
  if (doing_ != Doing::http && doing_ != Doing::question) return;
  if (doing_ == Doing::http && cut_ && sent_) return on_cut();
  // A server may close a connection that is not in use, just when it is used again.
  if (!first_ && failure.kind == ErrorKind::closed && reader_.fresh()) return;
  connection_failed(failure);
}

void BootClient::connection_failed(const Failure& failure) {
  doing_ == Doing::http ? no_file(failure) : no_answer(failure);
}

void BootClient::on_completion(std::uint8_t part, const io::Completion& completion) {
  Stream::has(part) ? stream_.on_completion(part, completion) : tftp_.on_completion(part, completion);
}

void BootClient::on_deadline() {
  if (doing_ == Doing::tftp) return tftp_.on_deadline();
  if (doing_ == Doing::nothing) return;
  if (worker_.ring().now() < deadline_) return worker_.arm(id_, deadline_);
  if (doing_ == Doing::resting) return is_off() ? void() : follow(phone_->no_file(calendar_now()));
  // No phone gives up on what lies before it: that it is late is this process's doing. So the ring's
  // completions are seen to once more first.
  if (!std::exchange(is_late_, true) || !stream_.give_up()) {
    deadline_ = worker_.ring().now() + kUnreadTimeout;
    return worker_.arm(id_, deadline_);
  }
  connection_failed(
      {ErrorKind::timeout, fmt::format("no answer within {} ms", protocol_.settings().timeout)});
}

}  // namespace anchord::load
