// An HTTP client for the simulated world: sends given requests, as many at once as it
// is told and in pieces of any size, and takes the answers apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "world.h"

namespace anchord::sim {

struct Response {
  int status = 0;
  std::string head;
  Buffer body;

  std::string field(std::string_view name) const;  // "" when there is none
};

class Browser {
 public:
  struct Manner {
    bool tls = false;
    crypto::TlsVersion version = crypto::TlsVersion::v1_3;
    unsigned at_once = 1;         // requests that wait for their answers together
    std::size_t piece = 1 << 16;  // bytes of requests that are sent together
  };

  Browser(World& world, unsigned host, const Manner& manner, std::vector<std::string> requests);

  void pump();  // after each tick
  const std::vector<Response>& responses() const { return responses_; }
  bool satisfied() const { return responses_.size() == requests_.size(); }
  bool has_asked() const { return sent_ > 0; }
  bool ended() const { return ended_; }  // by the server
  int peer() const { return peer_; }
  std::size_t body_so_far() const { return received_.size(); }  // of the answer that is coming

 private:
  void take();
  void ask();
  void split_responses();
  void flush();

  World& world_;
  Manner manner_;
  std::vector<std::string> requests_;
  std::string to_send_;
  std::vector<std::size_t> boundaries_;  // where each request ends in to_send_
  std::size_t sent_ = 0;
  crypto::TlsEngine engine_;
  Buffer room_;
  int peer_;
  Buffer received_;
  std::vector<Response> responses_;
  bool ended_ = false;
};

// "GET /name HTTP/1.1" with a Host and these fields.
std::string get(const std::string& name, const std::string& fields = "", const std::string& method = "GET");

// The answers to these requests on one connection, one after the other.
std::vector<Response> ask(World& world, std::vector<std::string> requests, Browser::Manner manner = {});

index::FileChange file(const std::string& name, Buffer content, Buffer header = {});

// Everything that began has ended, and all that was lent was given back.
void expect_no_http_left(World& world);

}  // namespace anchord::sim
