// Who has changed what, newest first.
#pragma once

#include <cstddef>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/report/json.h"
#include "anchord/store/audit.h"
#include "anchord/store/store.h"

namespace anchord::report {

struct Audit {
  std::vector<store::AuditEntry> entries;
  bool more = false;  // there are older ones
};
Result<Audit> read_audit(store::Store& store, std::size_t limit);

Json audit_document(const Audit& audit);

}  // namespace anchord::report
