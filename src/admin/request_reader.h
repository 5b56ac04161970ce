// HTTP/1.1 requests (RFC 9112) as they arrive, one after the other: GET and HEAD without a body.
#pragma once

#include <cstddef>
#include <string>

#include "anchord/admin/page.h"
#include "anchord/base/bytes.h"

namespace anchord::admin {

struct ReadRequest {
  Request request;
  bool head = false;          // of the method HEAD
  bool keeps_alive = false;   // the client may ask again
  std::string host;           // the field; without a port
  std::string authorization;  // the field; empty: there is none
};

class RequestReader {
 public:
  enum class Outcome {
    more,     // the head is not whole yet
    request,  // one has come
    refused,  // nothing more is to be had of the connection: see refusal()
  };

  // What has arrived, behind what came before.
  void give(Bytes bytes) { input_ += as_text(bytes); }
  // Takes the next request out of what has arrived.
  Outcome next(ReadRequest& out);
  // After `refused`: why, as an answer.
  const Page& refusal() const { return refusal_; }
  // Whether something came that is no whole request yet.
  bool has_begun() const { return !input_.empty(); }
  // Room that is left before a head is too large.
  std::size_t room() const;

 private:
  Outcome refuse(unsigned status, std::string why);

  std::string input_;
  Page refusal_;
};

// "/a%20b?x=1" as its path and query. False when it is no path, or has a control character or NUL in it.
bool split_target(std::string_view target, std::string& path, std::string& query);

}  // namespace anchord::admin
