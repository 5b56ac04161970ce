// The lists that were issued, and how many phones hold which.
#pragma once

#include <string>
#include <vector>

#include "anchord/report/json.h"
#include "anchord/report/ledger_view.h"
#include "anchord/store/issued_lists.h"
#include "anchord/trust/cluster.h"

namespace anchord::report {

struct ListRow {
  const store::IssuedList* list;
  NameSample phones;
};

std::string signer_of(const store::IssuedList& list);  // "damaged" of one that cannot be read

// Every list of a kind that is kept, newest first, with those who may hold it. They are the view's.
std::vector<ListRow> rows_of(const LedgerView& view, trust::ListKind kind);

// Of ITLs, and in "ctl" of CTLs where the cluster has one.
Json lists_document(const LedgerView& view, const trust::Cluster& cluster);

}  // namespace anchord::report
