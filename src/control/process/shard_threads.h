// The shards' threads: each makes its ring and its shard on its own core, and runs
// until it is drained.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "anchord/control/options.h"
#include "anchord/io/socket.h"
#include "anchord/service/shard.h"
#include "ledger/journal.h"
#include "process/listeners.h"

namespace anchord::control {

class ShardThreads {
 public:
  ShardThreads(const Options& options, unsigned shards, const Listeners& listeners,
               service::ViewPublisher& publisher);
  ~ShardThreads();  // drains and joins
  ShardThreads(const ShardThreads&) = delete;
  ShardThreads& operator=(const ShardThreads&) = delete;

  // Returns when every shard serves, or with the first failure of one. They write what devices do
  // into the journal, which outlives them.
  Status start(Journal& journal);
  // Tells every shard that there is something new to look at.
  void wake();
  void drain();
  bool finished() const;

  // Has every shard end who reads replaced files since before that version of the view: Shard::give_way().
  void give_way(std::uint64_t version);
  // What the oldest that were left then began with; 0: there are none, or it is not known yet.
  std::uint64_t oldest_reader() const;

  // What all shards have counted since they started: every metric, and one of them.
  service::MetricValues metrics() const;
  service::AllLatencyValues latencies() const;
  std::uint64_t sum(service::Counter service::Counters::* counter) const;
  unsigned size() const { return static_cast<unsigned>(threads_.size()); }

 private:
  struct Thread {
    service::Counters counters;
    service::ActivityLog* activity = nullptr;
    std::optional<io::Waker> waker;
    std::atomic<bool> drain_asked{false};
    std::atomic<std::uint64_t> gives_way{0};  // an order, until it is carried out
    std::atomic<std::uint64_t> oldest_reader{service::Shard::kNone};
    std::atomic<bool> ended{false};
    std::thread thread;
  };

  void run(unsigned number, std::promise<Status> started);

  const Options& options_;
  const Listeners& listeners_;
  service::ViewPublisher& publisher_;
  service::GuessGuard guard_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace anchord::control
