// The cluster's own lists, as they were last built and issued.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

struct SavedList {
  Buffer input_digest;  // trust::fields_digest() of what it was built from
  Buffer content;
  UnixSeconds built_at = 0;
};

// The list of that name as it was last built; none was: nothing.
Result<std::optional<SavedList>> saved_list(Store& store, std::string_view name);

// The saved list if it was built from inputs with this digest; else what
// `build` gives, saved in the same transaction, so that of two processes one
// builds and both hand out the same bytes. The timestamp that `build` gets is
// `now`, or the last one plus one second where the clock has not moved on. `build`
// runs while the store is held for writing, and must not use it. What was built is
// kept among the issued lists, too. A read-only store keeps nothing:
// what is built there is shown, and nobody is given it.
Result<SavedList> list_for(Store& store, std::string_view name, Bytes input_digest, UnixSeconds now,
                           const std::function<Result<Buffer>(UnixSeconds timestamp)>& build);

// The cluster's ITL: the saved one while nothing that goes into it has changed
// (restarts hand out identical bytes), else a new one. The cluster needs its TFTP
// key only when a new one is to be built.
Result<SavedList> current_itl(Store& store, const trust::Cluster& cluster, UnixSeconds now);

// The same of its CTL. Only for a cluster that has one (has_ctl).
Result<SavedList> current_ctl(Store& store, const trust::Cluster& cluster, UnixSeconds now);

}  // namespace anchord::store
