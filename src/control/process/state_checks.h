// What a start would find in the state directory, told beforehand.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "anchord/control/options.h"

namespace anchord::control {

struct StateFindings {
  std::string host;                   // which one this is; empty when that cannot be told
  std::optional<pid_t> serving;       // an anchord that serves from there now
  std::vector<std::string> problems;  // what a start refuses, one line each, with the remedy
};

// Looks as the user that --user names, in a process of its own, since dropping privileges is for
// good. For a process without other threads. Changes nothing.
StateFindings look_at_state(const Options& options);

}  // namespace anchord::control
