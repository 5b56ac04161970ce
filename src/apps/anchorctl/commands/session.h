// One run of anchorctl: which command was chosen, on which state directory, and
// the store behind it.
//
// What is wrong with a command line is a WrongUsage (exit 2); everything else that goes wrong is a Result
// (exit 1).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "anchord/base/error.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"
#include "commands/option.h"
#include "render/shown.h"

namespace anchord::ctl {

using Outcome = Result<Shown>;

// Ends the command with exit code 2 and one line.
struct WrongUsage : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void wrong_usage(const std::string& text);

class Session {
 public:
  std::string state;  // empty: no state directory was named
  bool json = false;

  bool has_state() const { return !state.empty(); }
  std::filesystem::path state_dir() const;  // wrong_usage() when there is none
  Result<store::Store> open_store() const;
  Result<trust::Cluster> load_cluster(store::KeyUse keys) const;

  // What every command that had an answer says at its end where the store could only be read.
  void warn_of_read_only() const;

  // Takes away what commands that were killed have left, and names what it cannot.
  void remove_leftovers() const;

  // Tells a running anchord that the store has changed. It polls too, so nothing
  // is lost when it cannot be told.
  void tell_changed() const;

  // What every command that succeeded says at its end, when it has a state directory
  // whose TFTP key is in no backup.
  void warn_of_backup() const;

 private:
  mutable bool read_only_ = false;  // of the store that was opened
};

Option state_option(Session& session);
Option json_option(Session& session);  // of each command that prints facts

}  // namespace anchord::ctl
