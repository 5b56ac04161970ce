// Who changed what: every change of the store has a line here.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/store/store.h"

namespace anchord::store {

struct AuditEntry {
  UnixSeconds time = 0;
  std::string who;
  std::string what;
  bool forced = false;  // with --force
};

// The `newest` last ones, newest first.
Result<std::vector<AuditEntry>> audit_entries(Store& store, std::size_t newest);

}  // namespace anchord::store
