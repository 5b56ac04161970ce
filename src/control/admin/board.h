// What the control thread and the admin endpoint's say to each other. The endpoint asks for the status when
// somebody wants to see it, at most twice a second however many ask; the control thread answers between two
// of its steps, and never waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/socket.h"
#include "anchord/protocol/status.h"
#include "anchord/service/latency.h"
#include "anchord/service/metrics.h"

namespace anchord::control {

// As the control thread has seen it at one time.
struct AdminFacts {
  struct OwnCertificate {
    std::string service;      // "tvs"
    std::string certificate;  // "the tvs certificate CN=TVS-one"
    UnixSeconds ends = 0;
  };

  protocol::Status status;
  std::vector<OwnCertificate> own_certificates;
  service::MetricValues counters{};  // the sum over all shards
  service::AllLatencyValues latencies{};
  Millis made = 0;
};

class AdminBoard {
 public:
  // A status that is younger is not asked for again.
  static constexpr Millis kFresh = 500;
  // For the control thread, which may be at work on a large snapshot: then the last status is shown.
  static constexpr Millis kLongestWait = 1'000;

  enum class Phase { starting, serving, draining };

  static Result<std::unique_ptr<AdminBoard>> create();

  // --- For the control thread
  void set_phase(Phase phase) { phase_ = phase; }
  int descriptor() const { return asked_.descriptor(); }  // readable when somebody asks
  // Has `make` called when somebody has asked. What it throws is passed on, and it is asked again.
  void answer(const std::function<AdminFacts()>& make);
  // From now on nobody waits.
  void close();

  // --- For the endpoint's thread
  Phase phase() const { return phase_; }
  // nullptr: there is none yet.
  std::shared_ptr<const AdminFacts> facts();

 private:
  explicit AdminBoard(io::Waker asked) : asked_(std::move(asked)) {}
  bool is_fresh() const;

  const io::Waker asked_;
  std::atomic<Phase> phase_{Phase::starting};
  std::mutex mutex_;  // over what follows
  std::condition_variable told_;
  std::shared_ptr<const AdminFacts> facts_;
  bool waiting_ = false;  // for an answer
  bool closed_ = false;
};

}  // namespace anchord::control
