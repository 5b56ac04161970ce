// Making a cluster of keys that phones trust already.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "anchord/store/init.h"
#include "anchord/store/store.h"
#include "database/sqlite.h"
#include "tables/identities.h"

namespace anchord::store {

// What the ledger says of the time before.
constexpr char kAdoptedGap[] = "the cluster was adopted";

// Checks that each certificate has its key, and that none is given twice or for a host that there is not.
Status check_adopted(const InitRequest& request);

// What is adopted for the service; `host` for tvs. Nothing: it is to be made.
std::optional<NewIdentity> adopted_identity(const InitRequest& request, trust::Service service,
                                            const trust::Host* host);

// How the list that phones hold is signed and spells names: the cluster goes on so, since these
// phones are known to read it. Without a list, what the request says.
Result<trust::SigningSettings> adopted_signing(const InitRequest& request);

// The certificates of the list that phones hold which are not the cluster's own, with their
// roles. Fails when these phones would not go over to the cluster, and says what is missing.
Result<std::vector<trust::KnownCertificate>> held_by_phones(const InitRequest& request,
                                                            trust::Cluster cluster);

// Those certificates, and the list, in the open transaction.
Status put_adopted(Database& database, const InitRequest& request,
                   std::span<const trust::KnownCertificate> held);

}  // namespace anchord::store
