// Lets go what the running service holds: many files that went at once.
#include <fmt/format.h>

#include "control_client.h"
#include "failure.h"
#include "output.h"
#include "session.h"

namespace anchord::ctl {
namespace {

Outcome confirm_removals(const Session& session) {
  auto gone = ask_service(session.state_dir(), protocol::ConfirmRequest());
  if (!gone) return failure_of(gone, "nothing was let go");
  if (session.json) {
    print_json({{"files", gone->files}, {"certificates", gone->certificates}});
  } else if (gone->files == 0 && gone->certificates == 0) {
    print_line("nothing is held");
  } else {
    print_line(fmt::format("let go: {} files and {} phones' certificates", gone->files, gone->certificates));
  }
  return Answer::yes;
}

}  // namespace

void add_confirm_command(CLI::App& app, Session& session) {
  auto& command =
      *app.add_subcommand("confirm", "Let many files that have gone at once go out of service now");
  session.add_json_flag(command);
  session.on(command, [&session] { return confirm_removals(session); });
}

}  // namespace anchord::ctl
