// One command of anchorctl: a row of the table in table.cc. --help and the completeness of docs/commands.md
// go by that table.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "commands/option.h"
#include "commands/session.h"

namespace anchord::ctl {

// What a command takes and does. Its options point into what `run` owns.
struct Action {
  Options options;
  std::function<Outcome()> run;
};

struct Command {
  std::string name;  // "cert bundle import": the words in front of the last are its groups, which have rows
                     // of their own
  std::string help;
  std::function<Action(Session&)> make;  // none: a group, of which a command must be chosen
};

std::vector<Command> all_commands();

}  // namespace anchord::ctl
