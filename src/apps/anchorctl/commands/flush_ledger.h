// The ledger is flushed before a change that the store's guards judge: they go by the ledger, and the service
// writes into it about once a second what it delivered to phones.
#pragma once

#include <span>
#include <vector>

#include "anchord/store/certificates.h"
#include "anchord/store/lifecycle.h"
#include "commands/session.h"

namespace anchord::ctl {

// Waits, for some seconds at most, until the ledger has everything that was delivered to phones up to now.
// Fails when that does not happen because the service hangs or cannot write; with `force` this is no failure.
// Without a service there is nothing to wait for, but a service that was killed may have left records in its
// journal: then this fails until a service has taken them over.
Status flush_ledger(const Session& session, bool force);

// As store::add_known(), after flush_ledger() where a certificate that is known already could
// lose a role.
Result<std::vector<store::Added>> add_known(const Session& session, store::Store& store,
                                            std::span<const trust::KnownCertificate> certificates,
                                            const store::ChangeRequest& request);

}  // namespace anchord::ctl
