// Lets go what the running service holds: many files that went at once.
#include <fmt/format.h>

#include <sstream>

#include "control_client.h"
#include "failure.h"
#include "output.h"
#include "session.h"

namespace anchord::ctl {
namespace {

Outcome confirm_removals(const Session& session) {
  auto answer = ask_service(session.state_dir(), "confirm\n");
  if (!answer) return failure_of(answer, "the service does not answer");
  std::istringstream words(*answer);
  std::string ok;
  std::size_t files = 0;
  std::size_t certificates = 0;
  if (!(words >> ok >> files >> certificates) || ok != "ok")
    return fail("the service does not know 'confirm': it is of an older version, restart it");
  if (session.json) {
    print_json({{"files", files}, {"certificates", certificates}});
  } else if (files + certificates == 0) {
    print_line("nothing is held");
  } else {
    print_line(fmt::format("let go: {} files and {} phones' certificates", files, certificates));
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
