// HTTP/1.1 or 1.0 (RFC 9112), as far as a client of plain GETs needs it: the request's
// text, and responses piece by piece. Strict: what cannot be understood for certain is
// an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::load {

// Stops a head that never ends.
constexpr std::size_t kMaxResponseHead = 16384;

struct ResponseHead {
  unsigned status = 0;
  std::string_view reason;   // views into the head
  std::string_view etag;     // with its quotes; empty: none
  std::uint64_t length = 0;  // of the body
  bool close = false;        // no other response follows on this connection
};

// Appends a request to `out`. `host` is where the request goes.
void write_get(std::string& out, std::string_view file, std::string_view host);

// One response after the other, as they arrive.
class ResponseReader {
 public:
  struct Step {
    std::size_t taken = 0;
    const ResponseHead* head = nullptr;  // it is complete now; valid until the response's end
    Bytes body;                          // what came of it
    bool ended = false;                  // the response
  };

  // A step forward with the front of `bytes`, which are not empty; at least one is taken.
  // An error is the connection's end. A body without Content-Length (chunked, or up to
  // the end of the connection) is one: provisioning files have known lengths.
  Result<Step> take(Bytes bytes);
  // The next byte is the first of a response.
  void reset();
  // Nothing has been taken since reset().
  bool fresh() const { return bytes_.empty(); }

 private:
  Result<Step> take_head(Bytes bytes);

  Buffer bytes_;  // of the head, and of others behind it that came with it
  ResponseHead head_;
  bool has_head_ = false;
  bool in_body_ = false;
  std::uint64_t left_ = 0;  // of the body
};

}  // namespace anchord::load
