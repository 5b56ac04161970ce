// Takes over what other hosts of the cluster change, on a thread that may wait for the engine. The control
// thread sees by the descriptor that something came, and what is wrong by the report.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "anchord/base/file_descriptor.h"
#include "anchord/store/sharing.h"
#include "machine/memory_guard.h"

namespace anchord::control {

class SharedFollowerThread {
 public:
  using Report = store::SharedFollower::Report;

  explicit SharedFollowerThread(store::Store store);
  // Waits for the call to the engine that is under way, which ends in some seconds.
  ~SharedFollowerThread();
  SharedFollowerThread(const SharedFollowerThread&) = delete;
  SharedFollowerThread& operator=(const SharedFollowerThread&) = delete;

  // An eventfd, readable when the store has changed.
  int descriptor() const { return changed_.get(); }
  // Reads it: whether the store has changed since.
  bool take_changed();
  Report report() const;

 private:
  void run();
  void say_what_is_new(const Report& before, const Report& now) const;

  store::SharedFollower follower_;
  FileDescriptor changed_;
  std::atomic<bool> stopping_ = false;
  MemoryGuard guard_;
  mutable std::mutex mutex_;
  Report report_;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace anchord::control
