// A host's ledger as one file, for the other hosts of its cluster: each takes in what the others
// gave phones, so that the guards of any of them know it. JSON; every list is in it once.
//
// Reading never erases anything. What a file says is checked like what a peer says: sizes, names
// and versions. Errors are one line that names what is wrong.
#pragma once

#include <cstddef>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/store/ledger.h"
#include "anchord/store/store.h"

namespace anchord::store {

// 100,000 phones take some 60 MB.
constexpr std::size_t kMaxLedgerFile = 512 * 1024 * 1024;

Result<std::string> export_ledger(Store& store, UnixSeconds now);

// By how much the clocks of a cluster's hosts may differ, seconds.
constexpr UnixSeconds kClocksApart = 300;

struct ImportedLedger {
  std::size_t devices = 0;
  std::size_t lists = 0;
  UnixSeconds written_at = 0;  // by that host's clock
};
// Imports a ledger of this cluster, unless it is from a future beyond kClocksApart. That host's reports of
// what it serves are taken over with it.
Result<ImportedLedger> import_ledger(Store& store, std::string_view text, UnixSeconds now);

}  // namespace anchord::store
