// Reads anchorctl's command line by its table of commands. Its source is the only one that knows the library
// that does it: that is the slowest header to read of all.
#pragma once

#include <functional>
#include <vector>

#include "commands/command.h"

namespace anchord::ctl {

// Sets what the command line says, calls `run` with the chosen command's work (none: --help and --version,
// which have been printed), and gives the exit code: that of `run`, and 2 where the command line is wrong,
// which `run` too may find (WrongUsage); then it has printed why.
int run_command_line(int argc, char** argv, const std::vector<Command>& table, Session& session,
                     const std::function<int(const std::function<Outcome()>& work)>& run);

}  // namespace anchord::ctl
