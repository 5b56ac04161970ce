// What a run is to do, as far as it is the same for every protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::load {

// More than a test needs; stops a slip of the finger from making millions of sockets.
constexpr unsigned kMaxConnections = 65536;
constexpr unsigned kMaxThreads = 64;

struct Plan {
  std::string protocol;  // "tftp"
  std::string things;    // "transfers"
  std::string subject;   // the name in JSON of what the protocol itself has found out
  io::Address target;
  // Each client has an address of its own on the loopback, in 127.16.0.0/12, as phones do: what a
  // server allows one address is not for thousands of them, and ports do not run out.
  bool own_addresses = false;
  unsigned connections = 1;
  unsigned threads = 1;
  double warmup = 0;        // seconds at the begin that are not measured
  double seconds = 10;      // that are measured; 0: no limit but `count`
  std::uint64_t count = 0;  // requests, behind the warm-up; 0: no limit but `seconds`
  double rate = 0;          // requests a second; 0: each client asks again at once
  double loss = 0;          // percent of the received datagrams that are dropped
  int pid = 0;              // the server's, 0: unknown
  Millis drain = 2000;      // what is under way at the end may take so long to end
};

}  // namespace anchord::load
