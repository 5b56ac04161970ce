// Which of the cluster's hosts this machine is.
#pragma once

#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/control/options.h"
#include "anchord/trust/cluster.h"

namespace anchord::control {

// The one that --host names; else the one of whose addresses one is among those of --listen; else
// the one of whose addresses this machine has one; else the first. `hosts` are the cluster's, at least one.
// Fails when --host names none of them.
Result<std::string> choose_host(const Options& options, const std::vector<trust::Host>& hosts);

}  // namespace anchord::control
