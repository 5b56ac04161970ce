// Whether the ledger knows all that phones were given: the service's sessions. Times from which
// something may be missing are gaps (ledger.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/store/store.h"

namespace anchord::store {

// A service on one host, from its start to its end.
struct LedgerSession {
  std::string host;
  std::string boot_id;
  UnixSeconds started = 0;
  UnixSeconds written = 0;  // when the ledger was last known to have everything
  bool clean = false;       // it ended, and had written everything
};

// One transaction; moves no change counter.
Status note_session(Store& store, const LedgerSession& session);

Result<std::vector<LedgerSession>> ledger_sessions(Store& store);

// Why the ledger of a state directory on which no service runs may lack what phones were given,
// until a service was started on it; nothing when it has all.
Result<std::optional<std::string>> not_taken_over(Store& store);

}  // namespace anchord::store
