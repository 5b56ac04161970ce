// Regenerating in two steps: making a key takes seconds for which others need not wait.
#pragma once

#include "anchord/store/lifecycle.h"
#include "tables/identities.h"

namespace anchord::store {

struct Regeneration {
  crypto::Certificate before;  // the one to be replaced
  NewIdentity made;
};

// Writes nothing.
Result<Regeneration> prepare_regeneration(Store& store, trust::Service service, std::string_view host,
                                          UnixSeconds now, unsigned days = 0);

// Fails when somebody else has replaced the certificate meanwhile.
Result<Regenerated> put_in_place(Store& store, const Regeneration& prepared, const ChangeRequest& request);

}  // namespace anchord::store
