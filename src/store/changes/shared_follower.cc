// Follows what other hosts change.
#include <fmt/core.h>

#include <utility>

#include "anchord/store/sharing.h"
#include "changes/sharing.h"
#include "database/session.h"
#include "replica/catch_up.h"

namespace anchord::store {
namespace {

// A watch can hang on a member that is cut off from the others: the head says so.
constexpr Millis kLookAtHead = 2'000;
// So long is a change that is there waited for before another member is asked.
constexpr Millis kMaxBehind = 5'000;
// The engine is told at most so often what is in service here.
constexpr Millis kTell = 1'000;

}  // namespace

class SharedFollower::Impl {
 public:
  explicit Impl(Store store) : store_(std::move(store)) {}

  bool follow(Millis wait);
  const Report& report() const { return report_; }

 private:
  Status follow_member(const ReplicaState& state, Millis wait);
  Status look_at_head(EngineLink& link, const ReplicaState& state);
  void tell(EngineLink& link, std::int64_t number);
  void forget() {
    watch_.reset();
    link_.reset();
    looked_at_ = 0;
  }

  Store store_;
  Report report_;
  std::shared_ptr<EngineLink> link_;  // whose watch it is
  std::unique_ptr<engine::Watch> watch_;
  Millis looked_at_ = 0;
  Millis behind_since_ = 0;
  Millis told_at_ = 0;
  std::int64_t told_ = -1;
};

bool SharedFollower::Impl::follow(Millis wait) {
  Session& session = store_.session();
  const auto state = read_replica(session.database);
  if (!state) {
    report_.problem = state.error().text;
    return false;
  }
  if (!*state) {
    forget();
    report_ = {};
    return false;
  }
  const auto done = follow_member(**state, wait);
  report_.problem = done ? "" : done.error().text;
  if (!done) forget();
  const auto now = read_replica(session.database);
  if (!now || !*now) return false;
  if (report_.member) report_.member->number = (*now)->number;
  report_.newest = std::max(report_.newest, (*now)->number);
  return (*now)->revision != (*state)->revision;
}

Status SharedFollower::Impl::follow_member(const ReplicaState& state, Millis wait) {
  Session& session = store_.session();
  ANCHORD_TRY_ASSIGN(const auto link, link_of(session, state));
  if (link != link_) forget();
  link_ = link;
  report_.member = Member{link->host(), link->membership().members, state.number};
  if (!watch_) {
    ANCHORD_TRY(catch_up(session, *link));
    ANCHORD_TRY_ASSIGN(const auto now, read_replica(session.database));
    if (!now) return {};
    watch_ = link->engine().watch(link->followed(), now->revision + 1);
    report_.heard = calendar_now();
  }
  auto told = watch_->next(wait);
  if (!told && told.error().problem == engine::Problem::compacted) {
    watch_.reset();
    return apply_whole(session, *link);
  }
  if (!told) return std::unexpected(std::move(told.error()));
  if (told->heard) report_.heard = calendar_now();
  ANCHORD_TRY(apply_events(session, *link, told->events));
  ANCHORD_TRY_ASSIGN(const auto now, read_replica(session.database));
  if (!now) return {};
  report_.newest = std::max(report_.newest, now->number);
  if (monotonic_now() - looked_at_ >= kLookAtHead) ANCHORD_TRY(look_at_head(*link, *now));
  tell(*link, now->number);
  return {};
}

Status SharedFollower::Impl::look_at_head(EngineLink& link, const ReplicaState& state) {
  looked_at_ = monotonic_now();
  ANCHORD_TRY_ASSIGN(const auto head, read_head(link, state));
  report_.heard = calendar_now();
  report_.newest = head.head.number;
  if (head.modified == state.revision) {
    behind_since_ = 0;
  } else if (behind_since_ == 0) {
    behind_since_ = looked_at_;
  } else if (looked_at_ - behind_since_ > kMaxBehind) {
    behind_since_ = 0;
    watch_.reset();
  }
  return {};
}

// Who joined counts as behind until it has said more.
void SharedFollower::Impl::tell(EngineLink& link, std::int64_t number) {
  if (told_ == number || monotonic_now() - told_at_ < kTell) return;
  told_at_ = monotonic_now();
  engine::Txn txn;
  txn.then.emplace_back(status_put(link, number));
  if (link.engine().txn(txn)) told_ = number;
}

SharedFollower::SharedFollower(Store store) : impl_(std::make_unique<Impl>(std::move(store))) {}
SharedFollower::SharedFollower(SharedFollower&&) noexcept = default;
SharedFollower::~SharedFollower() = default;
bool SharedFollower::follow(Millis wait) {
  return impl_->follow(wait);
}
const SharedFollower::Report& SharedFollower::report() const {
  return impl_->report();
}

}  // namespace anchord::store
