// What tests of several modules do with a store.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "anchord/store/certificates.h"
#include "anchord/store/ledger.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/store.h"

namespace anchord::store {

// How changes are asked for, now: a request that is older than five minutes is refused for its time.
inline ChangeRequest agreed() {
  return {.hosts_agree = true};
}

inline Result<Added> add_one(Store& store, const trust::KnownCertificate& known) {
  ANCHORD_TRY_ASSIGN(auto added, add_known(store, {&known, 1}, agreed()));
  return added.front();
}

inline Result<std::optional<LedgerEntry>> ledger_entry(Store& store, std::string_view device) {
  ANCHORD_TRY_ASSIGN(auto entries, ledger(store));
  auto found = std::ranges::find(entries, device, &LedgerEntry::device);
  if (found == entries.end()) return std::nullopt;
  return std::move(*found);
}

}  // namespace anchord::store
