#include "connection.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace anchord::admin {
namespace {

constexpr std::size_t kReadAtOnce = 4096;

std::string_view reason(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

// Nothing is to be loaded from elsewhere, shown in another's frame, or taken for another type than it is.
constexpr std::string_view kFields =
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'\r\n";

}  // namespace

std::string answer_text(const Page& page, bool head, bool last) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", page.status,
                                reason(page.status), page.type, page.body.size());
  if (page.status == 401) out += "WWW-Authenticate: Bearer\r\n";
  if (page.status == 405) out += "Allow: GET, HEAD\r\n";
  if (page.status == 503) out += "Retry-After: 1\r\n";
  out += kFields;
  if (last) out += "Connection: close\r\n";
  out += "\r\n";
  if (!head) out += page.body;
  return out;
}

bool Connection::advance(Millis now, Answerer& answerer) {
  has_more_ = false;
  switch (state_) {
    case State::reading:
      return read(now, answerer);
    case State::answering:
      return write(now);
    case State::lingering:
      return linger();
  }
  return false;
}

bool Connection::read(Millis now, Answerer& answerer) {
  for (;;) {
    ReadRequest request;
    switch (reader_.next(request)) {
      case RequestReader::Outcome::request:
        last_ = !request.keeps_alive;
        put(answerer.answer(request), request.head, now);
        return write(now);
      case RequestReader::Outcome::refused:
        last_ = true;
        answerer.note_refusal();
        put(reader_.refusal(), false, now);
        return write(now);
      case RequestReader::Outcome::more:
        break;
    }
    std::array<std::uint8_t, kReadAtOnce> room;
    std::size_t count = 0;
    const MutableBytes into = MutableBytes(room).first(std::min(room.size(), reader_.room()));
    switch (transport_.read(into, count)) {
      case Transport::Outcome::done:
        reader_.give(into.first(count));
        if (!in_head_) due_ = now + kRequestTime;
        in_head_ = true;
        break;
      case Transport::Outcome::wait:
        return true;
      case Transport::Outcome::ended:
        return false;
    }
  }
}

void Connection::put(const Page& page, bool head, Millis now) {
  answer_ = answer_text(page, head, last_);
  rest_ = answer_;
  state_ = State::answering;
  due_ = now + kAnswerTime;
}

bool Connection::write(Millis now) {
  switch (transport_.write(rest_)) {
    case Transport::Outcome::wait:
      return true;
    case Transport::Outcome::ended:
      return false;
    case Transport::Outcome::done:
      break;
  }
  answer_ = {};
  rest_ = {};
  silent_since_ = now;
  if (last_) {
    transport_.end();
    state_ = State::lingering;
    due_ = now + kLingerTime;
    return linger();
  }
  state_ = State::reading;
  has_more_ = true;  // what came meanwhile, on TLS within the engine
  in_head_ = reader_.has_begun();
  due_ = now + (in_head_ ? kRequestTime : kIdleTime);
  return true;
}

bool Connection::linger() {
  while (discarded_ < kMaxLinger) {
    std::size_t count = 0;
    const Transport::Outcome outcome = transport_.discard(count);
    if (outcome != Transport::Outcome::done) return outcome == Transport::Outcome::wait;
    discarded_ += count;
  }
  return false;
}

}  // namespace anchord::admin
