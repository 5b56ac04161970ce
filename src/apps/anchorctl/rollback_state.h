// How far a prepared rollback is: who has taken the empty list.
#pragma once

#include "anchord/trust/cluster.h"
#include "ledger_view.h"

namespace anchord::ctl {

struct RollbackState {
  Some taken;        // hold the empty list
  Some waiting;      // hold another, or may
  Some never_heard;  // provisioned phones that the ledger never saw take a list
  Some without;      // take none: their model does not know Security by Default, or they ask for plain files

  bool safe() const { return waiting.count == 0 && never_heard.count == 0; }
};

RollbackState rollback_state(const LedgerView& view, const trust::Cluster& cluster);

}  // namespace anchord::ctl
