// Asks before something is taken away, or before what phones trust is changed.
#pragma once

#include <string>

#include "anchord/store/lifecycle.h"
#include "commands/option.h"

namespace anchord::ctl {

// True when `yes` was given on the command line or the person agrees, who is told
// the `consequence` first. Where nobody can be asked it is wrong_usage(): `doing`
// names what would be done ("removing ...").
bool may_go_on(bool yes, const std::string& doing, const std::string& consequence);

// As may_go_on(), of "removing `what`".
bool may_remove(bool yes, const std::string& what, const std::string& consequence);

// The options of changes that the store refuses by itself when they would lock phones.
struct ChangeOptions {
  bool force = false;
  bool yes = false;
  bool hosts_agree = false;
  bool clock_is_right = false;

  store::ChangeRequest request() const;  // made now
};
// The flag for a cluster of several hosts, where one host's ledger does not say all.
Option hosts_agree_option(bool& hosts_agree);
Options change_options(ChangeOptions& options);

// As may_go_on(), but where nobody can be asked only what is forced needs `yes`: the
// store's own guards watch over the rest, so that scripts can do it.
bool may_change(const ChangeOptions& options, const std::string& doing, const std::string& consequence);

}  // namespace anchord::ctl
