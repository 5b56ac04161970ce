// What needs a person, in one line each with what to do about it: of the state, the ledger, the certificates
// and the running service.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/protocol/status.h"
#include "anchord/report/host_reports.h"
#include "anchord/report/known_phones.h"
#include "anchord/report/ledger_view.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/lists.h"
#include "anchord/store/service_status.h"

namespace anchord::report {

// Everything that status tells, gathered before anything is printed.
struct Facts {
  bool read_only = false;
  trust::Cluster cluster;
  std::optional<store::SavedList> itl;
  store::BackupState backup;
  LedgerView ledger;
  KnownPhones phones;  // that are provisioned
  std::vector<store::StatusReport> reports;
  std::optional<std::string> late;  // a host that has said so within a minute
  std::string not_running;          // why the service gave no status; empty when it did
  bool silent = false;              // but there is one
  std::string starting;             // what its start is about; empty when it does not start
  std::optional<protocol::Status> service;
  UnixSeconds now = 0;
};

// All but what the service says of itself, which whoever has asked it puts in.
Result<Facts> gather_facts(store::Store& store, const std::filesystem::path& state);

bool itl_is_current(const Facts& facts);
// The one wording of it; nothing while a backup holds the present TFTP key.
std::optional<std::string> backup_warning(const store::BackupState& state);

struct Problem {
  std::string text;  // what is wrong, and what to do about it
  bool urgent;       // phones get no answers or none that they take, or guards of changes are blind

  Problem(std::string what, bool is_urgent = false) : text(std::move(what)), urgent(is_urgent) {}
};
using Problems = std::vector<Problem>;

// Everything that needs a person.
Problems problems(const Facts& facts);

// "nothing needs a person", "2 things need a person"
std::string needs_text(std::size_t count);
std::vector<std::string> texts_of(const Problems& problems);

// Files that are served though something is odd in them: to be known, and nothing to be done at once.
std::vector<std::string> odd_files(const Facts& facts);

}  // namespace anchord::report
