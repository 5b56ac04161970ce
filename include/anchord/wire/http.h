// HTTP/1.1 and 1.0 as a server of files speaks it: RFC 9110 (fields, ranges,
// conditions) and RFC 9112 (messages). Strict: what the RFCs let a server refuse is
// refused, since two readers of one sloppy request are a way to smuggle another.
//
// Nothing here allocates: a request is views into the input, valid as long as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/writer.h"

namespace anchord::wire {

// A request's line and fields, the empty line behind them included. Bounds what an
// unfinished request can hold of memory.
constexpr std::size_t kMaxHttpHead = 8 * 1024;
// The first line: a file's longest name, every byte of it escaped, three times over.
constexpr std::size_t kMaxHttpRequestLine = 2 * 1024;
// No client sends a third of it; each costs a look at its name.
constexpr std::size_t kMaxHttpFields = 64;
// The longest head that write_http_head() writes.
constexpr std::size_t kMaxHttpResponseHead = 512;

enum class HttpMethod : std::uint8_t { get, head, other };

enum class HttpStatus : std::uint16_t {
  ok = 200,
  partial_content = 206,
  not_modified = 304,
  bad_request = 400,
  not_found = 404,
  method_not_allowed = 405,
  content_too_large = 413,
  uri_too_long = 414,
  range_not_satisfiable = 416,
  fields_too_large = 431,
  unavailable = 503,
  version_not_supported = 505,
};

struct HttpRequest {
  HttpMethod method = HttpMethod::other;
  bool v1_1 = false;        // or later; else 1.0
  bool keep_alive = false;  // whether the client wants to ask more
  bool has_body = false;    // it is not part of what was read
  // From the path's slash to the end of the query, still escaped.
  std::string_view target;
  // Values of fields; empty when there is none. When one of them is repeated, or is
  // empty itself, all three are empty: the whole file is a right answer to any condition.
  std::string_view range;
  std::string_view if_range;
  std::string_view if_none_match;
};

// Why a request cannot be read. What follows it cannot be found: the connection has to
// end after an answer with this status.
struct HttpRefusal {
  HttpStatus status = HttpStatus::bad_request;
  const char* problem = nullptr;
  std::size_t offset = 0;
};

// Reads the request at the front of `input`. Returns how many bytes it takes, a body
// not counted, or 0 when there is no whole one yet, and more may make it one.
std::expected<std::size_t, HttpRefusal> parse_http_request(Bytes input, HttpRequest& out);

// The name of the file that a target means, a query left out, as plain_file_name() has
// it, in `room`. None when it can be no file's: a folder, a ".." part, a backslash, a
// control character, a bad escape, or more bytes than `room` has.
std::optional<std::string_view> http_file_name(std::string_view target, std::span<char> room);

// What a Range field asks for of `size` bytes.
struct HttpRange {
  enum class Kind : std::uint8_t { whole, part, unsatisfiable };
  Kind kind = Kind::whole;  // also when it asks for several parts, or is not understood
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};
HttpRange parse_http_range(std::string_view range, std::uint64_t size);

// Whether If-None-Match names this entity tag, which is given with its quotes: weak
// comparison, lists and "*".
bool http_etag_listed(std::string_view if_none_match, std::string_view etag);

struct HttpResponse {
  HttpStatus status = HttpStatus::ok;
  bool v1_1 = true;        // the request
  bool keep_alive = true;  // after this response
  std::uint64_t content_length = 0;
  std::string_view content_type;  // empty: none is given
  std::string_view etag;          // with its quotes; empty: none is given
  // What Content-Range says, for 206 and 416 only.
  HttpRange range;
  std::uint64_t whole_size = 0;
};

// The head of a response, the empty line included. `date` is an HttpDate's text. Says
// what each status requires beside the above: Allow, Retry-After, Accept-Ranges.
void write_http_head(Writer& out, const HttpResponse& response, std::string_view date);

// "Sun, 06 Nov 1994 08:49:37 GMT"
class HttpDate {
 public:
  std::string_view at(UnixSeconds time);

 private:
  static constexpr std::size_t kSize = 29;
  UnixSeconds time_ = -1;
  char text_[kSize + 1] = {};
};

}  // namespace anchord::wire
