// The admin endpoint: HTTP/1.1 for operators, dashboards and browsers, on one thread of its own apart from
// the shards, which it neither waits for nor is waited for by.
//
// Nobody can make it grow: connections, heads, the time that each may take and the answers that are under
// way are bounded (src/admin/admin_limits.h). At the limit of connections whoever has been longest without a
// whole request gives way. Only GET and HEAD are answered, and no body is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "anchord/admin/access.h"
#include "anchord/admin/page.h"
#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"

namespace anchord::admin {

// What it has done, for those who ask it.
struct Counts {
  std::uint64_t accepted = 0;  // connections
  std::uint64_t requests = 0;  // that could be read
  std::uint64_t denied = 0;    // of those, without the token, or for another host's name
  std::uint64_t refused = 0;   // what is no request, or none for this endpoint
  std::uint64_t evicted = 0;   // connections that gave way to another
  std::uint64_t timeouts = 0;  // connections ended since their time was over
  std::uint64_t shed = 0;      // requests answered 503: too much was under way, or there was no memory
};

class Server {
 public:
  // Connections that wait in the kernel, for listen().
  static constexpr int kBacklog = 128;

  // Serves on `listener`, a listening socket, until its end. Routes are called on its thread, one at a time,
  // and live as long as it does. `begin` is called first, on that thread.
  static Result<std::unique_ptr<Server>> start(FileDescriptor listener, Access access,
                                               std::vector<Route> routes, std::function<void()> begin);
  ~Server();  // ends all connections, and waits for the route that is being asked
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Counts counts() const;  // any thread

  // Descriptors that it may have open at once.
  static std::size_t descriptors();
  // Bytes of memory that it may use.
  static std::size_t memory();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anchord::admin
