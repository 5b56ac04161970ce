// The engine in memory: what etcd does (tests/engine/conformance_test.cc holds both to it), and what goes
// wrong with it at will. Several engines on one FakeCluster are several hosts; they may be on several
// threads.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anchord/engine/engine.h"

namespace anchord::engine::test {

// What becomes of a transaction whose answer is lost.
enum class Lost { made, never, later };  // later: with FakeCluster::deliver()

class FakeEngine;

class FakeCluster {
 public:
  // Etcd's limits (--max-txn-ops, --max-request-bytes).
  static constexpr std::size_t kMaxOperations = 128;
  static constexpr std::size_t kMaxRequest = 1'572'864;

  FakeCluster();
  // Uses the cluster, which must outlive it.
  std::unique_ptr<FakeEngine> open();

  void compact(Revision to);
  // Seconds of which leases end.
  void let_pass(std::int64_t seconds);
  // Makes what was lost and is to come later.
  void deliver();
  // Another cluster answers from now on, and it is empty.
  void replace();
  Revision revision() const;

 private:
  friend class FakeEngine;
  friend class FakeWatch;

  struct Lease {
    std::int64_t granted = 0;
    std::int64_t left = 0;
  };
  using State = std::map<std::string, KeyValue>;

  std::optional<Failure> refused(const Txn& txn) const;
  bool holds(const Compare& compare) const;
  TxnAnswer make(const Txn& txn);
  Found do_one(const Operation& operation, Revision writing);
  Outcome<RangeAnswer> range(const Get& get) const;
  std::uint64_t erase(const KeyRange& keys, Revision writing);
  void end_lease(LeaseId lease);
  State state_at(Revision revision) const;
  void note(Event event);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ClusterId id_ = 0;
  Revision revision_ = 1;
  Revision compacted_ = 0;
  State state_;
  std::vector<Event> history_;  // all of it, whatever was compacted
  std::map<LeaseId, Lease> leases_;
  LeaseId last_lease_ = 0;
  std::vector<Txn> late_;
};

class FakeEngine : public Engine {
 public:
  explicit FakeEngine(FakeCluster& cluster) : cluster_(cluster) {}

  // Faults of this host.
  void set_reachable(bool reachable);
  // `then` happens before who asked knows.
  void lose_next_answer(Lost how, std::function<void()> then = {}) {
    lost_ = how;
    then_ = std::move(then);
  }
  // What somebody else does before the next transaction is made.
  void before_next_txn(std::function<void()> rival) { rival_ = std::move(rival); }

  Outcome<RangeAnswer> range(const Get& get) override;
  Outcome<TxnAnswer> txn(const Txn& txn) override;
  std::unique_ptr<Watch> watch(KeyRange keys, Revision from) override;
  Outcome<LeaseId> grant(std::int64_t seconds) override;
  Outcome<std::int64_t> keep_alive(LeaseId lease) override;
  Outcome<void> revoke(LeaseId lease) override;
  std::vector<MemberStatus> members() override;
  ClusterId cluster() const override;

 private:
  friend class FakeWatch;
  // Under the cluster's lock: why the host cannot ask now.
  std::optional<Failure> kept_away();

  FakeCluster& cluster_;
  bool reachable_ = true;
  ClusterId known_ = 0;
  std::optional<Lost> lost_;
  std::function<void()> then_;
  std::function<void()> rival_;
};

}  // namespace anchord::engine::test
