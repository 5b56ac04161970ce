// The certificates that the verification service answers for, beside the cluster's own, as they are loaded.
#pragma once

#include <vector>

#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"
#include "database/sqlite.h"

namespace anchord::store {

// All of them behind what is in `known`, in the open transaction.
Status read_all_known(Database& database, std::vector<trust::KnownCertificate>& known);

// What is new, other or gone beside `before` since `from`, into `out`, in the open transaction;
// see Store::load_changes().
Status read_known_changes(Database& database, const KnownStates& before, const ChangeMark& from,
                          LoadedChanges& out);

}  // namespace anchord::store
