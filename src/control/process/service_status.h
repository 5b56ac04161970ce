// The status of the running service, as the control socket tells it: put together of what each part knows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/board.h"
#include "anchord/base/clock.h"
#include "anchord/control/options.h"
#include "anchord/protocol/status.h"
#include "ledger/activity.h"
#include "machine/memory_guard.h"
#include "process/listeners.h"
#include "process/memory_plan.h"
#include "process/publication.h"
#include "process/reader_limit.h"
#include "process/shard_threads.h"
#include "process/shared_follower_thread.h"
#include "process/status_parts.h"
#include "provisioning/provisioner.h"
#include "snapshot/lag.h"

namespace anchord::control {

class ServiceStatus {
 public:
  // What it asks, which outlives it.
  struct Parts {
    const Options& options;
    const MemoryPlan& memory;
    const MemoryGuard& guard;
    const ReaderLimit& readers;
    const Listeners& listeners;
    Provisioner& provisioner;
    Publication& publication;
    Activity& activity;
    const ShardThreads& threads;
    const Lag& lag;
    const std::optional<SharedFollowerThread>& shared;
  };

  explicit ServiceStatus(const Parts& parts) : parts_(parts) {}

  // After the first view. Reads the store, to see what is in a backup.
  protocol::Status now(bool is_draining) const;

  std::vector<AdminFacts::OwnCertificate> own_certificates() const {
    return control::own_certificates(parts_.publication.builder().expiry());
  }

  // "tvs=127.0.0.1:2445 tftp=127.0.0.1:69"
  std::string listening() const;

 private:
  protocol::Memory memory() const;

  const Parts parts_;
  const UnixSeconds started_ = calendar_now();
};

}  // namespace anchord::control
