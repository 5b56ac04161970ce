// The head of an HTTP/1.1 or 1.0 response (RFC 9112), as far as a client of plain GETs
// needs it. Strict: what cannot be understood for certain is an error.
#pragma once

#include <cstddef>
#include <cstdint>
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

// Of the first head in `data`, its empty line included; 0: it is not complete yet.
std::size_t response_head_size(Bytes data);
// `head` is one whole head. A body without Content-Length (chunked, or up to the end
// of the connection) is an error: provisioning files have known lengths.
Result<ResponseHead> parse_response_head(Bytes head);

}  // namespace anchord::load
