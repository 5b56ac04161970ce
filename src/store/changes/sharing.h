// What those who join a cluster, and who follow it, tell the engine of themselves.
#pragma once

#include <cstdint>
#include <string_view>

#include "anchord/engine/engine.h"
#include "anchord/store/sharing.h"
#include "database/session.h"
#include "replica/link.h"

namespace anchord::store {

// A host counts from when this is there.
engine::Put status_put(const EngineLink& link, std::int64_t number);

// As share_cluster(), of a machine that is single, and without the lists that are not built yet.
Result<Member> share_as_it_is(Store& store, EngineAccess access, std::string_view host);

// Whether this is a member, as that host.
Result<bool> is_this_member(Session& session, std::string_view host);
// From here on it is one by that name.
Status rename_member(Session& session, std::string_view to);

}  // namespace anchord::store
