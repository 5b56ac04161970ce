// How far a prepared rollback is: who has taken the empty list.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchord/report/ledger_view.h"
#include "anchord/trust/cluster.h"

namespace anchord::ctl {

// By this host's ledger, and by what it took in of others.
struct RollbackState {
  NameSample taken;        // hold the empty list
  NameSample waiting;      // hold another, or may
  NameSample never_heard;  // provisioned phones that the ledger never saw take a list
  NameSample
      without;  // take none: their model does not know Security by Default, or they ask for plain files

  std::size_t judged() const { return taken.count + waiting.count + never_heard.count + without.count; }
};

RollbackState rollback_state(const LedgerView& view, const trust::Cluster& cluster);

// Why it is not known to be safe to revert the servers, each with its remedy; none: it is safe.
// `late_host` as store::late_host() says; `hosts_agree`: an administrator's word that all hosts serve the
// present state and that their ledgers were taken in.
std::vector<std::string> what_keeps_from_reverting(const RollbackState& state, const trust::Cluster& cluster,
                                                   const std::optional<std::string>& late_host,
                                                   bool hosts_agree);

}  // namespace anchord::ctl
