// Why a request failed: what is counted, and one line of what was seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace anchord::load {

enum class ErrorKind : std::uint8_t {
  timeout,     // no answer, or not all of it, in time
  refused,     // nobody listens there
  closed,      // the connection ended before the answer did
  not_found,   // there is no such file
  server,      // the server says that it cannot
  protocol,    // the server broke the protocol
  content,     // wrong bytes
  network,     // this machine could not send
  unfinished,  // still under way when the run was over
};

// As they are printed; their names in JSON.
constexpr std::array<const char*, 9> kErrorNames = {"timeout",  "refused", "closed",  "not_found", "server",
                                                    "protocol", "content", "network", "unfinished"};
constexpr std::size_t kErrorKinds = kErrorNames.size();

struct Failure {
  ErrorKind kind = ErrorKind::server;
  std::string text;
};

// What a server sent, fit for a terminal: cut short, without control characters.
std::string shown(std::string_view text);

}  // namespace anchord::load
