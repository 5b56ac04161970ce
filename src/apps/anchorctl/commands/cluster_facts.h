// What is known of the cluster and of the service that runs here, for commands that tell of both.
#pragma once

#include "anchord/report/problems.h"
#include "commands/session.h"

namespace anchord::ctl {

Result<report::Facts> gather_facts(const Session& session);

}  // namespace anchord::ctl
