// Asks before something is taken away.
#pragma once

#include <string>

namespace anchord::ctl {

// True when `yes` was given on the command line or the person agrees, who is told
// the `consequence` first. Where nobody can be asked it is wrong_usage(): `what`
// names what would be removed.
bool may_remove(bool yes, const std::string& what, const std::string& consequence);

}  // namespace anchord::ctl
