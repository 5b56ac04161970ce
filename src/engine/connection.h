// HTTP/1.1 to one member, on TCP or TLS: one request after the other, each answered in full or as a stream of
// lines.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/base/stream_socket.h"
#include "anchord/crypto/tls.h"
#include "anchord/crypto/tls_connection.h"
#include "anchord/engine/etcd.h"
#include "http_answer.h"

namespace anchord::engine {

// Of one answer. A range is read in parts, so that no more is needed: etcd takes values of 1.5 MB.
constexpr std::size_t kMaxAnswer = 64 * 1024 * 1024;
// A watch's line: etcd divides at its largest request, 1.5 MB and half as much, which base64 makes a third
// longer.
constexpr std::size_t kMaxLine = 4 * 1024 * 1024;

struct Request {
  std::string_view path;  // "/v3/kv/range"
  std::string_view body;
  std::string_view token;    // empty: none
  bool needs_leader = true;  // a member without one shall refuse at once
};

class Connection {
 public:
  // `tls` only where the member is on TLS.
  static Result<Connection> open(const Member& member, const crypto::TlsContext* tls, Millis deadline);

  // Once it is sent in full the member may do what it says, whatever becomes of the answer.
  Status send(const Request& request, Millis deadline);

  struct Answer {
    unsigned status = 0;
    std::string body;
  };
  Result<Answer> receive(Millis deadline);

  // The answer as a stream: its next line, nothing when the deadline has passed before it was whole. The
  // stream's end is an error. One line without its end may come at the last: a refusal.
  Result<std::optional<std::string>> receive_line(Millis deadline);
  unsigned status() const { return answer_ ? answer_->status() : 0; }

  // It can take another request: the last answer was whole, and the member has not ended it.
  bool reusable();

 private:
  Connection(std::string host, StreamSocket plain) : host_(std::move(host)), plain_(std::move(plain)) {}
  Connection(std::string host, std::unique_ptr<crypto::TlsConnection> tls)
      : host_(std::move(host)), tls_(std::move(tls)) {}

  StreamSocket& socket() { return tls_ ? tls_->socket() : *plain_; }
  Result<bool> take_more(Millis deadline);  // false: nothing has come in time

  std::string host_;  // as HTTP's field has it
  std::optional<StreamSocket> plain_;
  std::unique_ptr<crypto::TlsConnection> tls_;
  std::optional<HttpAnswer> answer_;  // under way, or the last
  std::size_t searched_ = 0;          // of the stream's body, for the end of a line
};

}  // namespace anchord::engine
