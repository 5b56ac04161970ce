// Adding a host in two steps, as regenerating is: making a key takes seconds for which others need not wait.
#pragma once

#include "anchord/store/hosts.h"
#include "tables/identities.h"

namespace anchord::store {

struct PreparedHost {
  trust::Host host;
  NewIdentity made;
};

// Writes nothing.
Result<PreparedHost> prepare_host(Store& store, const NewHost& wanted, UnixSeconds now);

// Fails when somebody else has added such a host meanwhile.
Result<ChangedHost> put_beside(Store& store, const PreparedHost& prepared, const ChangeRequest& request);

}  // namespace anchord::store
