// The running service: sockets, shards, the builder that follows the store, and the
// control socket, from the first check to the last drained connection.
//
// start() does everything that can fail: it checks the machine and the store, binds
// the ports, builds and verifies the first snapshot, and starts the shards. Its
// error is one line that says what to do; nothing is left behind, and the store is
// as it was. run() then serves until SIGTERM or SIGINT.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "anchord/base/error.h"
#include "anchord/control/options.h"

namespace anchord::control {

struct MemoryPlan;

class Server {
 public:
  // Blocks the signals that run() waits for, in this and all later threads.
  static Result<std::unique_ptr<Server>> start(const Options& options);
  ~Server();

  // "tvs=127.0.0.1:2445 tftp=127.0.0.1:69"
  std::string listening() const;

  // Called within run() at each SIGHUP, before the new snapshot is built.
  void at_reload(std::function<void()> call);

  // Returns when drained. Fails when the ledger could not be told all that phones were given:
  // the journal has it then, and the next start takes it over.
  Status run();

 private:
  class Impl;
  static Result<std::unique_ptr<Server>> begin(const Options& options, unsigned shards,
                                               const MemoryPlan& memory);
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anchord::control
