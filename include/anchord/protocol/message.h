// The messages of the control socket. A client sends one request, the service one answer, each a
// line of JSON that begins with the version of the protocol and of Anchord; then the connection ends.
//
// A message of another version, one that is cut off, too large or not of its kind is an Error: one
// line that says what is wrong with it and what to do. Whatever the other side sends, nothing but
// std::bad_alloc is thrown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/protocol/limits.h"
#include "anchord/protocol/status.h"

namespace anchord::protocol {

// --- Answers

// The service has looked at the store and taken over what has changed, or will when it starts.
struct Changed {
  bool operator==(const Changed&) const = default;
};

// What had gone and was in service still, held or not, and goes out of it now.
struct Confirmed {
  std::uint64_t files = 0;
  std::uint64_t certificates = 0;  // of phones
  bool operator==(const Confirmed&) const = default;
};

struct TraceEvent {
  std::uint64_t number = 0;  // rises with each event of any device
  std::int64_t at = 0;       // milliseconds since 1970
  std::string address;
  std::string protocol;
  std::string what;
  std::string outcome;
  bool operator==(const TraceEvent&) const = default;
};

struct Trace {
  std::string device;
  std::uint64_t last = 0;  // the newest event of any device
  std::vector<TraceEvent> events;
  bool operator==(const Trace&) const = default;
};

// There is no service yet, to whatever was asked but a ChangedRequest.
struct Starting {
  std::string what;  // "signing 2048 of 4900 files"
  bool operator==(const Starting&) const = default;
};

// There is no other answer.
struct Refused {
  std::string reason;
  bool operator==(const Refused&) const = default;
};

using Answer = std::variant<Changed, Status, Confirmed, Trace, Starting, Refused>;

// --- Requests, each with the answer that a service gives when it can

// The store has changed: look now.
struct ChangedRequest {
  using Answer = Changed;
  bool operator==(const ChangedRequest&) const = default;
};

struct StatusRequest {
  using Answer = Status;
  bool operator==(const StatusRequest&) const = default;
};

// Removals that are held go now.
struct ConfirmRequest {
  using Answer = Confirmed;
  bool operator==(const ConfirmRequest&) const = default;
};

// What was heard of a phone behind event `since`; all of its requests are recorded for so many
// seconds more, kMaxTraceSeconds at the most.
struct TraceRequest {
  using Answer = Trace;
  std::string device;
  std::uint32_t seconds = 0;
  std::uint64_t since = 0;
  bool operator==(const TraceRequest&) const = default;
};

using Request = std::variant<ChangedRequest, StatusRequest, ConfirmRequest, TraceRequest>;

// --- On the socket

// Each ends in a newline. An answer that would be larger than kMaxAnswer becomes a Refused.
std::string encode_request(const Request& request);
std::string encode_answer(const Answer& answer);

// What came, with the newline that ends it.
Result<Request> decode_request(std::string_view message);
Result<Answer> decode_answer(std::string_view message);

// What is refused while it comes in: that its end does not come, or that it is too large.
Error request_too_late();
Error request_too_large();
Error answer_too_large();
// The connection ended, gracefully or not, when so many bytes of the answer had come and not its end.
Error answer_cut_off(std::size_t size);

// Why an answer is not the one that was asked for: the service starts, refuses, or has answered
// something else.
Error not_expected(const Answer& answer);

// The answer that was asked for, or not_expected().
template <class T>
Result<T> expect(Answer answer) {
  if (T* expected = std::get_if<T>(&answer)) return std::move(*expected);
  return std::unexpected(not_expected(answer));
}

}  // namespace anchord::protocol
