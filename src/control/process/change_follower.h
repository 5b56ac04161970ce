// Follows the store: sees that it has changed, has its state built and published, and tells the log, the
// service manager and the store itself what is in service, what cannot be, and what is about to end. On the
// control thread.
//
// Where there is no memory (std::bad_alloc) a step is done again by the next call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "ledger/activity.h"
#include "machine/memory_guard.h"
#include "process/publication.h"
#include "process/service_manager.h"
#include "process/shard_threads.h"
#include "provisioning/provisioner.h"
#include "snapshot/lag.h"

namespace anchord::control {

class ChangeFollower {
 public:
  // What it works with, which outlives it.
  struct Parts {
    Publication& publication;
    const Provisioner& provisioner;
    Activity& activity;
    ShardThreads& threads;
    ServiceManager& manager;
    MemoryGuard& guard;
  };

  explicit ChangeFollower(const Parts& parts) : parts_(parts) {}

  // In a start, in this order: the first state of the store; once its files are made, the first view; once
  // there are shards, that it is in service.
  Status stage_first();
  void publish_first();
  void announce_first();

  // From time to time, and when somebody says that the store has changed.
  void follow_store();
  // The next follow_store() builds anew, changed or not.
  void ask_for_rebuild() { rebuild_asked_ = true; }
  bool is_asked_for_rebuild() const { return rebuild_asked_; }
  // Publishes what can be, and tells of it. As often as something may have come.
  void publish_due();
  // Whether what is in service is behind, after follow_store().
  void look_for_lag();
  const Lag& lag() const { return lag_; }

 private:
  void rebuild(std::string_view why);
  void publish();
  void tell_published();
  void announce(bool of_the_store);
  void report(bool ok, std::string message);
  void warn_daily();
  void warn_of_expiry();
  std::pair<Lag::Cause, std::string> cause_of_lag();

  const Parts parts_;
  std::string problem_;  // why the newest state cannot be in service
  Lag lag_;
  std::string unreadable_;       // why the store could not be looked at the last time
  std::string unreported_;       // why the last status report could not be left
  std::int64_t announced_ = -1;  // the store's state in the last view
  Millis ticket_keys_due_ = 0;
  Millis report_due_ = 0;
  bool reported_ok_ = true;  // the last time
  Millis daily_due_ = 0;
  Millis retry_build_ = 0;
  bool rebuild_asked_ = false;
  bool own_lists_due_ = false;  // the ledger is to be told of a view
  bool announce_due_ = false;
  bool announce_state_ = false;
  bool stage_failed_ = false;  // the last time: what is in service is behind the store
};

}  // namespace anchord::control
