#include "fake_engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ranges>

namespace anchord::engine::test {
namespace {

Failure failure(Problem problem, std::string text) {
  return {{std::move(text)}, problem};
}
Failure refusal(std::string text) {
  return failure(Problem::refused, "the engine refuses: " + std::move(text));
}

template <class T>
bool compares(Compare::Is is, const T& a, const T& b) {
  switch (is) {
    case Compare::Is::equal:
      return a == b;
    case Compare::Is::different:
      return a != b;
    case Compare::Is::greater:
      return a > b;
    case Compare::Is::less:
      return a < b;
  }
  return false;
}

bool compares(const Compare& compare, const KeyValue& with) {
  switch (compare.of) {
    case Compare::Of::modified:
      return compares(compare.is, with.modified, compare.revision);
    case Compare::Of::created:
      return compares(compare.is, with.created, compare.revision);
    case Compare::Of::value:
      return compares(compare.is, with.value, compare.value);
  }
  return false;
}

std::size_t size_of(const std::vector<Operation>& operations) {
  std::size_t out = 0;
  for (const Operation& operation : operations) {
    if (const Put* put = std::get_if<Put>(&operation)) out += put->key.size() + put->value.size();
  }
  return out;
}

// Etcd refuses a key that is put twice, or put and deleted.
bool repeats_a_key(const std::vector<Operation>& operations) {
  std::set<std::string> keys;
  for (const Operation& operation : operations) {
    const Put* put = std::get_if<Put>(&operation);
    if (put != nullptr && !keys.insert(put->key).second) return true;
  }
  return std::ranges::any_of(operations, [&](const Operation& operation) {
    const Delete* gone = std::get_if<Delete>(&operation);
    return gone != nullptr &&
           std::ranges::any_of(keys, [&](const auto& key) { return gone->keys.contains(key); });
  });
}

}  // namespace

class FakeWatch : public Watch {
 public:
  FakeWatch(FakeEngine& engine, KeyRange keys, Revision from)
      : engine_(engine), keys_(std::move(keys)), next_(from) {}

  Outcome<Changes> next(Millis wait) override {
    FakeCluster& cluster = engine_.cluster_;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait);
    std::unique_lock lock(cluster.mutex_);
    for (;;) {
      auto away = engine_.kept_away();
      if (away && away->problem != Problem::out_of_reach) return std::unexpected(*away);
      if (away) running_ = false;
      if (!away && !running_ && next_ < cluster.compacted_) {
        Failure out = failure(Problem::compacted, "the engine no longer keeps that revision");
        out.oldest = cluster.compacted_;
        return std::unexpected(out);
      }
      Changes out = away ? Changes{} : take();
      if (out.heard) return out;
      if (std::chrono::steady_clock::now() >= until) {
        if (away) return std::unexpected(*away);
        return out;
      }
      cluster.changed_.wait_until(lock, until);
    }
  }

  void leave_member() override { running_ = false; }

 private:
  Changes take() {
    Changes out{.events = {}, .heard = !running_};
    running_ = true;
    for (const Event& event : engine_.cluster_.history_) {
      if (event.at.modified >= next_ && keys_.contains(event.at.key)) out.events.push_back(event);
    }
    if (out.events.empty()) return out;
    next_ = out.events.back().at.modified + 1;
    out.heard = true;
    return out;
  }

  FakeEngine& engine_;
  KeyRange keys_;
  Revision next_;
  bool running_ = false;
};

FakeCluster::FakeCluster() {
  static std::atomic<ClusterId> made = 0;
  id_ = ++made;
}

std::unique_ptr<FakeEngine> FakeCluster::open() {
  return std::make_unique<FakeEngine>(*this);
}

void FakeCluster::compact(Revision to) {
  const std::lock_guard lock(mutex_);
  compacted_ = to;
}

void FakeCluster::let_pass(std::int64_t seconds) {
  const std::lock_guard lock(mutex_);
  std::vector<LeaseId> ended;
  for (auto& [id, lease] : leases_) {
    lease.left -= seconds;
    if (lease.left <= 0) ended.push_back(id);
  }
  for (const LeaseId id : ended) end_lease(id);
}

void FakeCluster::deliver() {
  const std::lock_guard lock(mutex_);
  for (const Txn& txn : std::exchange(late_, {})) make(txn);
}

void FakeCluster::replace() {
  const FakeCluster other;
  const std::lock_guard lock(mutex_);
  id_ = other.id_;
  revision_ = 1;
  compacted_ = 0;
  state_.clear();
  history_.clear();
  leases_.clear();
  late_.clear();
  changed_.notify_all();
}

Revision FakeCluster::revision() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

void FakeCluster::note(Event event) {
  history_.push_back(std::move(event));
  changed_.notify_all();
}

std::optional<Failure> FakeCluster::refused(const Txn& txn) const {
  for (const auto& operations : {txn.then, txn.otherwise}) {
    if (std::max(operations.size(), txn.compares.size()) > kMaxOperations) {
      return refusal("too many operations in txn request");
    }
    if (size_of(operations) > kMaxRequest) return refusal("request is too large");
    if (repeats_a_key(operations)) return refusal("duplicate key given in txn request");
    for (const Operation& operation : operations) {
      if (const Put* put = std::get_if<Put>(&operation)) {
        if (put->key.empty()) return refusal("key is not provided");
        if (put->lease != 0 && !leases_.contains(put->lease)) return refusal("requested lease not found");
      }
    }
  }
  return {};
}

bool FakeCluster::holds(const Compare& compare) const {
  bool any = false;
  for (const KeyValue& one : state_ | std::views::values) {
    if (!compare.keys.contains(one.key)) continue;
    any = true;
    if (!compares(compare, one)) return false;
  }
  return any || (compare.of != Compare::Of::value && compares(compare, KeyValue{}));
}

std::uint64_t FakeCluster::erase(const KeyRange& keys, Revision writing) {
  std::uint64_t count = 0;
  for (auto at = state_.begin(); at != state_.end();) {
    if (!keys.contains(at->first)) {
      ++at;
      continue;
    }
    revision_ = writing;
    note({KeyValue{.key = at->first, .modified = writing}, true});
    at = state_.erase(at);
    ++count;
  }
  return count;
}

void FakeCluster::end_lease(LeaseId lease) {
  leases_.erase(lease);
  const Revision writing = revision_ + 1;
  std::vector<std::string> keys;
  for (const KeyValue& one : state_ | std::views::values) {
    if (one.lease == lease) keys.push_back(one.key);
  }
  for (std::string& key : keys) erase(KeyRange::one(std::move(key)), writing);
}

FakeCluster::State FakeCluster::state_at(Revision revision) const {
  State out;
  for (const Event& event : history_) {
    if (event.at.modified > revision) break;
    if (event.deleted) {
      out.erase(event.at.key);
    } else {
      out.insert_or_assign(event.at.key, event.at);
    }
  }
  return out;
}

Outcome<RangeAnswer> FakeCluster::range(const Get& get) const {
  if (get.at > revision_) return std::unexpected(refusal("required revision is a future revision"));
  if (get.at != 0 && get.at < compacted_) {
    return std::unexpected(failure(Problem::compacted, "the engine no longer keeps that revision"));
  }
  RangeAnswer out{{}, revision_};
  const State state = get.at == 0 ? state_ : state_at(get.at);
  for (const KeyValue& one : state | std::views::values) {
    if (!get.keys.contains(one.key)) continue;
    ++out.count;
    out.more = get.limit != 0 && out.count > get.limit;
    if (out.more) continue;
    out.values.push_back(one);
    if (get.keys_only) out.values.back().value.clear();
  }
  return out;
}

Found FakeCluster::do_one(const Operation& operation, Revision writing) {
  if (const Get* get = std::get_if<Get>(&operation)) {
    return range(*get).value();
  }
  if (const Delete* gone = std::get_if<Delete>(&operation)) {
    return {.values = {}, .count = erase(gone->keys, writing)};
  }
  const Put& put = std::get<Put>(operation);
  revision_ = writing;
  const auto before = state_.find(put.key);
  const Revision created = before == state_.end() ? writing : before->second.created;
  const KeyValue made{put.key, put.value, created, writing, put.lease};
  state_.insert_or_assign(put.key, made);
  note({made, false});
  return {};
}

TxnAnswer FakeCluster::make(const Txn& txn) {
  TxnAnswer out;
  out.succeeded = std::ranges::all_of(txn.compares, [&](const Compare& compare) { return holds(compare); });
  const Revision writing = revision_ + 1;
  for (const Operation& operation : out.succeeded ? txn.then : txn.otherwise) {
    out.answers.push_back(do_one(operation, writing));
  }
  out.revision = revision_;
  return out;
}

void FakeEngine::set_reachable(bool reachable) {
  const std::lock_guard lock(cluster_.mutex_);
  reachable_ = reachable;
  cluster_.changed_.notify_all();
}

std::optional<Failure> FakeEngine::kept_away() {
  if (!reachable_) return failure(Problem::out_of_reach, "no member of the engine answers");
  if (known_ != 0 && known_ != cluster_.id_)
    return failure(Problem::wrong_cluster, "another cluster answers");
  known_ = cluster_.id_;
  return {};
}

Outcome<RangeAnswer> FakeEngine::range(const Get& get) {
  const std::lock_guard lock(cluster_.mutex_);
  if (auto away = kept_away()) return std::unexpected(*away);
  return cluster_.range(get);
}

Outcome<TxnAnswer> FakeEngine::txn(const Txn& txn) {
  if (auto rival = std::exchange(rival_, nullptr)) rival();
  std::unique_lock lock(cluster_.mutex_);
  if (auto away = kept_away()) return std::unexpected(*away);
  if (auto refused = cluster_.refused(txn)) return std::unexpected(*refused);
  const std::optional<Lost> lost = txn.writes() ? std::exchange(lost_, {}) : std::nullopt;
  if (!lost) return cluster_.make(txn);
  if (*lost == Lost::made) cluster_.make(txn);
  if (*lost == Lost::later) cluster_.late_.push_back(txn);
  lock.unlock();
  if (auto then = std::exchange(then_, nullptr)) then();
  return std::unexpected(failure(Problem::unknown, "it is not known whether the change was made"));
}

std::unique_ptr<Watch> FakeEngine::watch(KeyRange keys, Revision from) {
  return std::make_unique<FakeWatch>(*this, std::move(keys), from);
}

Outcome<LeaseId> FakeEngine::grant(std::int64_t seconds) {
  const std::lock_guard lock(cluster_.mutex_);
  if (auto away = kept_away()) return std::unexpected(*away);
  cluster_.leases_[++cluster_.last_lease_] = {seconds, seconds};
  return cluster_.last_lease_;
}

Outcome<std::int64_t> FakeEngine::keep_alive(LeaseId lease) {
  const std::lock_guard lock(cluster_.mutex_);
  if (auto away = kept_away()) return std::unexpected(*away);
  const auto found = cluster_.leases_.find(lease);
  if (found == cluster_.leases_.end()) return 0;
  found->second.left = found->second.granted;
  return found->second.granted;
}

Outcome<void> FakeEngine::revoke(LeaseId lease) {
  const std::lock_guard lock(cluster_.mutex_);
  if (auto away = kept_away()) return std::unexpected(*away);
  cluster_.end_lease(lease);
  return {};
}

std::vector<MemberStatus> FakeEngine::members() {
  const std::lock_guard lock(cluster_.mutex_);
  MemberStatus out{.url = "memory:"};
  if (auto away = kept_away()) {
    out.problem = away->text;
  } else {
    out.version = "3.4.0";
    out.size = out.used = cluster_.history_.size();
    out.has_leader = true;
  }
  return {out};
}

ClusterId FakeEngine::cluster() const {
  const std::lock_guard lock(cluster_.mutex_);
  return known_;
}

}  // namespace anchord::engine::test
