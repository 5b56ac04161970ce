// A write transaction on what all hosts of a cluster have alike. On a single machine it is a Transaction and
// nothing else. On a replica it begins behind all that others have changed; commit() has the engine decide by
// one compare-and-swap on the head of changes, and only when that was made commits here.
//
// When another host was first, all is rolled back and the body runs again. An answer that was lost is
// settled: the head is written again as it was, so that the change can no longer be made, unless it was. The
// transaction stays open meanwhile (a few seconds at the most), since it may hold rows that are this host's
// alone.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "anchord/base/error.h"
#include "database/session.h"
#include "database/sqlite.h"
#include "replica/link.h"
#include "replica/rows.h"

namespace anchord::store {

// Whether a change is one that phones could be locked by: then no other host may count, since this one does
// not know what theirs gave to phones.
enum class Guarded : bool { no, yes };

class SharedWrite {
 public:
  static Result<SharedWrite> begin(Session& session, Guarded guarded);

  // From here on as one that began with Guarded::yes.
  Status guard();
  Status commit();
  // Whether commit() failed since another host was first.
  bool conflicted() const { return conflicted_; }

 private:
  SharedWrite(Session& session, Transaction transaction)
      : session_(&session), transaction_(std::move(transaction)) {}

  enum class Settled : std::uint8_t { made, not_made, unknown };

  Result<engine::Txn> make_txn(const std::vector<SharedRow>& rows, const Head& head) const;
  Status add_keys(const SharedRow& row, std::vector<engine::Operation>& operations) const;
  Status commit_here(const Head& head, engine::Revision revision);
  Settled settle(const Head& head, engine::Revision& revision);
  Settled look_back(const Head& head, engine::Revision to, engine::Revision& revision);

  Session* session_;
  Transaction transaction_;
  std::shared_ptr<EngineLink> link_;  // none: a single machine
  ReplicaState state_;
  std::int64_t counter_ = 0;
  std::optional<engine::Revision> alone_at_;  // of a guarded change
  bool conflicted_ = false;
};

// `body` takes a SharedWrite&, commits it, and gives a Result or Status; it may run again from the start.
template <class Body>
std::invoke_result_t<Body&, SharedWrite&> shared_write(Session& session, Guarded guarded, Body body) {
  constexpr int kTries = 3;
  for (int tries = 1;; ++tries) {
    ANCHORD_TRY_ASSIGN(SharedWrite writing, SharedWrite::begin(session, guarded));
    auto done = body(writing);
    if (!writing.conflicted() || tries == kTries) return done;
  }
}

// Whether this is a replica, and other hosts count or nobody knows: for what is left undone in silence then.
bool is_judged_by_others(Session& session);

}  // namespace anchord::store
