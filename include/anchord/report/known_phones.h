// The phones that a cluster knows, from all that it has of them: what was given by command, the
// certificates in devices/, and the ledger.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "anchord/report/ledger_view.h"
#include "anchord/trust/cluster.h"

namespace anchord::report {

struct KnownPhone {
  trust::Phone phone;
  bool provisioned = false;  // by command or in devices/
  std::string file;          // "devices/…", where its certificate is from; empty: it was given by command
  std::string problem;       // why its certificate in devices/ cannot be used
  const store::LedgerEntry* entry = nullptr;  // into the view; null: never heard of
};

using KnownPhones = std::map<std::string, KnownPhone>;  // by name

// Those that are provisioned. What was given by command comes before a file, as in the service.
Result<KnownPhones> provisioned_phones(const std::filesystem::path& state,
                                       std::span<const trust::Phone> by_command);

struct PhonesAndLedger {
  LedgerView view;
  KnownPhones phones;
};
Result<PhonesAndLedger> read_all_phones(const std::filesystem::path& state, store::Store& store);

// The first other phone with that certificate; empty: there is none.
std::string sharing(const KnownPhones& phones, const std::string& name,
                    const crypto::Certificate& certificate);

// Whether its configuration can be encrypted to its certificate.
bool can_encrypt(const trust::Phone& phone);
Json phone_json(const trust::Phone& phone, UnixSeconds now);
// With all that the ledger has of it.
Json known_json(const LedgerView& view, const KnownPhone& known, UnixSeconds now);
// Which file of the ledger's tells of lists of that kind.
store::DeliveredKind delivered_kind_of(trust::ListKind kind);

}  // namespace anchord::report
