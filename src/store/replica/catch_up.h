// Takes over what other hosts have changed: each revision of the engine in a transaction of its own, in
// order; where the engine no longer keeps what lies between, all of it as of one revision.
//
// Several processes of a host may do so at once: what is applied already is passed over.
#pragma once

#include <vector>

#include "anchord/base/error.h"
#include "anchord/engine/engine.h"
#include "database/session.h"
#include "replica/link.h"
#include "replica/rows.h"

namespace anchord::store {

// Where the cluster's changes have come to. Fails where the engine has nothing of this cluster, or less than
// this host: it was emptied, restored from an older state, or is another.
struct EngineHead {
  Head head;
  std::string value;  // as it is there
  engine::Revision modified = 0;
};
Result<EngineHead> read_head(EngineLink& link, const ReplicaState& state);

// Up to all that was made before it was called.
Status catch_up(Session& session, EngineLink& link);

// The same from events that a watch of EngineLink::followed() has told of. Revisions are whole.
Status apply_events(Session& session, EngineLink& link, const std::vector<engine::Event>& events);

// All of it, whatever was applied before.
Status apply_whole(Session& session, EngineLink& link);

}  // namespace anchord::store
