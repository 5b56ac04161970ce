// What follows a change to what phones trust: whether the running service has reloaded, and which steps of
// the vendor's procedure are done by that and which remain.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchord/trust/lifecycle.h"
#include "commands/session.h"
#include "render/output.h"

namespace anchord::ctl {

struct Reload {
  enum class State {
    taken,        // the service serves the new state from now on
    not_running,  // no service answers here
    pending,      // it runs, and has not managed so far
  };
  State state = State::not_running;
  std::string reason;  // of pending
};

// Tells the service of this state directory that the store has changed, and waits,
// for some seconds at most, until it serves that state.
Reload wait_for_service(const Session& session, store::Store& store);

std::string reload_text(const Reload& reload);
Json reload_json(const Reload& reload);

// Phones that were locked by force; nothing is said where there are none.
Json locked_json(const std::optional<trust::Locked>& locked);
void warn_of_locked(const std::optional<trust::Locked>& locked);

struct Step {
  enum class By {
    command,        // done by this command
    service,        // done by the service when it takes the change over
    administrator,  // not Anchord's to do
  };
  By by = By::administrator;
  std::string what;    // as the vendor's document has it
  std::string remark;  // how it is done here; may be empty
};

// Steps that end several procedures.
Step reset_phones(const trust::Cluster& cluster);
Step new_backup();
// Where the cluster has further hosts: they do not take the change over by themselves.
void add_other_hosts(std::vector<Step>& steps, const trust::Cluster& cluster);

Json steps_json(const std::vector<Step>& steps, const Reload& reload);
Text::Table steps_table(const std::vector<Step>& steps, const Reload& reload);

}  // namespace anchord::ctl
