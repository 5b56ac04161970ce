// One run of anchorctl: which command was chosen, on which state directory, and
// the store behind it.
//
// Command groups register themselves with add_*_commands(). What goes wrong with a
// command line is a CLI::ParseError (exit 2); everything else is a Result (exit 1).
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "anchord/base/error.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::ctl {

// "No" is an answer, not a failure: both leave with exit code 1, but only a
// failure has an error line to print.
enum class Answer { yes, no };
using Outcome = Result<Answer>;

// Ends the command with exit code 2 and one line.
[[noreturn]] void wrong_usage(const std::string& text);

class Session {
 public:
  std::string state;  // empty: no state directory was named
  bool json = false;
  std::function<Outcome()> run;  // of the chosen command

  void add_state_option(CLI::App& app);
  void add_json_flag(CLI::App& command);

  // Makes `work` what happens when the command line chooses `command`.
  void on(CLI::App& command, std::function<Outcome()> work);

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

// The one wording of it; nothing while a backup holds the present TFTP key.
std::optional<std::string> backup_warning(const store::BackupState& state);

void add_init_command(CLI::App& app, Session& session);
void add_status_command(CLI::App& app, Session& session);
void add_confirm_command(CLI::App& app, Session& session);
void add_cert_commands(CLI::App& app, Session& session);
void add_regenerate_command(CLI::App& cert_group, Session& session);
void add_list_commands(CLI::App& app, Session& session);  // itl and ctl
void add_mode_commands(CLI::App& app, Session& session);
void add_rollback_commands(CLI::App& app, Session& session);
void add_set_commands(CLI::App& app, Session& session);
void add_file_commands(CLI::App& app, Session& session);
void add_phone_commands(CLI::App& app, Session& session);
void add_phone_recover(CLI::App& phone_group, Session& session);
void add_phone_settle(CLI::App& phone_group, Session& session);
void add_phone_views(CLI::App& phone_group, Session& session);  // list and show
void add_phone_trace(CLI::App& phone_group, Session& session);
void add_ledger_commands(CLI::App& app, Session& session);
void add_report_commands(CLI::App& app, Session& session);
void add_tvs_commands(CLI::App& app, Session& session);

}  // namespace anchord::ctl
