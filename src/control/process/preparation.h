// What a start does before anything is built or served, in order: it takes the state directory, checks the
// machine, binds the ports, gives up privileges, opens the store and begins to look at the provisioning
// folder.
#pragma once

#include <memory>
#include <utility>

#include "admin/endpoint.h"
#include "anchord/base/error.h"
#include "anchord/control/options.h"
#include "anchord/io/socket.h"
#include "anchord/store/service_lock.h"
#include "anchord/store/store.h"
#include "process/listeners.h"
#include "process/memory_plan.h"
#include "process/starting.h"
#include "provisioning/provisioner.h"

namespace anchord::control {

// What the service goes on with. Whoever asks over the control socket meanwhile is answered by `starting`.
struct Prepared {
  Prepared(store::ServiceLock lock_taken, FileDescriptor signals_caught, Listeners bound,
           std::unique_ptr<Starting> begun, std::unique_ptr<AdminEndpoint> begun_admin, store::Store opened,
           store::Store opened_for_ledger, std::unique_ptr<Provisioner> started)
      : lock(std::move(lock_taken)),
        signals(std::move(signals_caught)),
        listeners(std::move(bound)),
        admin(std::move(begun_admin)),
        store(std::move(opened)),
        ledger_store(std::move(opened_for_ledger)),
        provisioner(std::move(started)),
        starting(std::move(begun)) {}

  store::ServiceLock lock;  // ends last
  FileDescriptor signals;   // readable when SIGTERM, SIGINT or SIGHUP came: a signalfd
  Listeners listeners;
  std::unique_ptr<AdminEndpoint> admin;  // nullptr: it is not served
  store::Store store;
  store::Store ledger_store;  // a connection of its own
  std::unique_ptr<Provisioner> provisioner;
  std::unique_ptr<Starting> starting;
};

// The error is one line that says what to do; nothing is left behind, and the store is as it was.
Result<Prepared> prepare(const Options& options, unsigned shards, const MemoryPlan& memory);

}  // namespace anchord::control
