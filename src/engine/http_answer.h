// HTTP/1.1 answers (RFC 9112) as they arrive, with a length or in chunks.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::engine {

// A head, or what stands before a chunk or behind the last. Stops one that never ends.
constexpr std::size_t kMaxHttpPart = 16 * 1024;

class HttpAnswer {
 public:
  // An error once the body, or what of it was not taken away, has more than `most` bytes.
  explicit HttpAnswer(std::size_t most);
  HttpAnswer(HttpAnswer&&) noexcept;
  HttpAnswer& operator=(HttpAnswer&&) noexcept;
  ~HttpAnswer();

  // What has arrived. After an error nothing more is to be had of the connection, and after the end nothing
  // more may be given: what stands behind an answer that was asked for is an error.
  Status take(Bytes bytes);

  bool done() const;
  unsigned status() const;   // 0 before the head has come
  bool keeps_alive() const;  // the connection is good for another request
  std::string& body();       // what has come of it; who reads a stream takes away what it has read

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace anchord::engine
