// Lets go what the running service holds: many files that went at once.
#include <fmt/core.h>

#include "client/control_client.h"
#include "client/failure.h"
#include "commands/commands.h"

namespace anchord::ctl {
namespace {

Outcome confirm_removals(const Session& session) {
  auto gone = ask_service(session.state_dir(), protocol::ConfirmRequest());
  if (!gone) return failure_of(gone, "nothing was let go");
  return Shown{{{"files", gone->files}, {"certificates", gone->certificates}},
               gone->files == 0 && gone->certificates == 0
                   ? Text("nothing is held")
                   : Text(fmt::format("let go: {} files and {} phones' certificates", gone->files,
                                      gone->certificates))};
}

}  // namespace

Action confirm_command(Session& session) {
  return {{json_option(session)}, [&session] { return confirm_removals(session); }};
}

}  // namespace anchord::ctl
