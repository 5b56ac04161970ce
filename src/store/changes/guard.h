// What every change to the phones' trust goes through: the questions that are asked before
// it, and the rows that it writes. All in the caller's open write transaction.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "anchord/store/ledger.h"
#include "anchord/store/lifecycle.h"
#include "database/session.h"
#include "replica/shared_write.h"
#include "tables/identities.h"

namespace anchord::store {

// As holders(), in the open transaction.
Result<AllHolders> read_holders(Database& database, const std::filesystem::path& state);

struct Change {
  trust::Cluster before;
  trust::Cluster after;
  std::string doing;  // "regenerating tftp", for errors
  std::string what;   // "regenerated tftp: ...", for the audit
};

// Whether the change may be made; those whom it locks by force. Asks every guard there is: the
// clock, the hosts, whom the change would lock, and who needs a certificate that it takes away.
Result<std::optional<trust::Locked>> check_change(Database& database, const Change& change,
                                                  const AllHolders& holders, const ChangeRequest& request);

// On a cluster of several hosts: that an administrator has said that they agree.
Status require_agreement(std::string_view doing, const trust::Cluster& cluster, const AllHolders& holders,
                         bool hosts_agree);

// Whether a certificate that is not the cluster's own loses roles, or is known no more.
bool takes_roles(const Change& change);

// Writes in what `after` differs from `before`, and the audit's entry. The files of new keys
// come first.
Status write_change(Database& database, const Change& change, const std::optional<trust::Locked>& locked,
                    const ChangeRequest& request);

// The same of a change that brings a key, and its end: the key's file, the rows and the commit. Nothing is
// left of the key where the change is not made.
Status commit_with_key(Session& session, SharedWrite& writing, const Change& change,
                       const std::optional<trust::Locked>& locked, const ChangeRequest& request,
                       const NewIdentity& made);

// The cluster has no such host.
std::unexpected<Error> no_host(std::string_view name);

// Makes known what was the cluster's own, or is to be taken for that.
Status add_retired(Database& database, const trust::KnownCertificate& known);

// The refusal of something for the phones' sake, which --force overrides.
std::unexpected<Error> refuse(const std::string& why);

}  // namespace anchord::store
