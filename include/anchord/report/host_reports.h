// What the services of hosts have said of what they serve, in the words of each command that shows it.
#pragma once

#include <string>

#include "anchord/report/json.h"
#include "anchord/store/service_status.h"
#include "anchord/trust/cluster.h"

namespace anchord::report {

// Whether it serves the cluster's present state.
bool is_current(const trust::Cluster& cluster, const store::StatusReport& report);

Json report_json(const trust::Cluster& cluster, const store::StatusReport& report);

// "ok at 2026-11-23T10:55:41Z: snapshot 7, the present state"
std::string report_text(const trust::Cluster& cluster, const store::StatusReport& report);

}  // namespace anchord::report
