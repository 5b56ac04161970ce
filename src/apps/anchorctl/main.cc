#include <csignal>
#include <exception>
#include <set>
#include <string>

#include "output.h"
#include "session.h"
#include "transfer.h"

namespace anchord::ctl {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongCommandLine = 2;

// The command that was being parsed, for "see ... --help".
std::string chosen_command(const CLI::App& app) {
  std::string out = app.get_name();
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    out += ' ' + at->get_name();
  }
  return out;
}

int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  std::string line = error.what();
  // "A subcommand is required" is no help to who gave one that does not exist.
  auto left_over = app.remaining(true);
  if (!left_over.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    line = "not understood: '" + left_over.front() + "'";
  }
  std::replace(line.begin(), line.end(), '\n', ' ');
  print_error(line + "; see " + chosen_command(app) + " --help");
  return kWrongCommandLine;
}

void describe(CLI::App& app, Session& session) {
  app.name("anchorctl");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("-V,--version", "anchorctl " ANCHORD_VERSION, "Print the version and exit");
  app.require_subcommand(1);
  // So that --state is understood before and after the sub-command.
  app.fallthrough();
  session.add_state_option(app);
  add_init_command(app, session);
  add_status_command(app, session);
  add_confirm_command(app, session);
  add_cert_commands(app, session);
  add_list_commands(app, session);
  add_file_commands(app, session);
  add_mode_commands(app, session);
  add_set_commands(app, session);
  add_rollback_commands(app, session);
  add_backup_commands(app, session);
  add_phone_commands(app, session);
  add_ledger_commands(app, session);
  add_report_commands(app, session);
  add_tvs_commands(app, session);
}

// An empty value is a variable that was not set, and would mean "all" or nothing. Parts of a name may be left
// out so.
void refuse_empty_values(CLI::App& app) {
  static const std::set<std::string> kMayBeEmpty{"organization", "unit", "country"};
  const CLI::Validator not_empty(
      [](const std::string& text) {
        return text.empty() ? "it is empty: give a value, or leave it out" : std::string();
      },
      "");
  for (CLI::Option* option : app.get_options()) {
    const bool named = !option->get_lnames().empty();
    if (option->get_expected_max() > 0 && !(named && kMayBeEmpty.contains(option->get_lnames().front())))
      option->check(not_empty);
  }
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_values(*command);
}

int leave_with(const Outcome& outcome) {
  if (!outcome) {
    print_error(outcome.error().text);
    return kFailed;
  }
  if (!output_arrived()) {
    print_error("standard output could not be written; what was printed is incomplete");
    return kFailed;
  }
  return *outcome == Answer::yes ? 0 : kFailed;
}

int run(int argc, char** argv) {
  CLI::App app{"Administers a cluster of phones' trust: certificates, trust lists, signed files."};
  Session session;
  describe(app, session);
  refuse_empty_values(app);
  try {
    app.parse(argc, argv);
    const Outcome outcome = session.run();
    int code = leave_with(outcome);
    if (outcome) session.warn_of_read_only();
    // A failure is one line and no more.
    if (code == 0) session.warn_of_backup();
    return code;
  } catch (const CLI::Success& wanted) {  // --help and --version
    app.exit(wanted);
    return leave_with(Answer::yes);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
}

}  // namespace
}  // namespace anchord::ctl

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return anchord::ctl::run(argc, argv);
  } catch (const std::exception& error) {
    anchord::ctl::print_error(error.what());
    return anchord::ctl::kFailed;
  }
}
