// The phones that a cluster knows, from all that it has of them: what was given by command, the
// certificates in devices/, and the ledger.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "anchord/trust/cluster.h"
#include "commands/ledger_view.h"
#include "commands/session.h"

namespace anchord::ctl {

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
Result<PhonesAndLedger> read_all_phones(const Session& session, store::Store& store);

// The first other phone with that certificate; empty: there is none.
std::string sharing(const KnownPhones& phones, const std::string& name,
                    const crypto::Certificate& certificate);

}  // namespace anchord::ctl
