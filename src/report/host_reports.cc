#include "anchord/report/host_reports.h"

#include <fmt/core.h>

#include "anchord/base/calendar.h"
#include "anchord/base/hex.h"
#include "anchord/trust/trust_list.h"

namespace anchord::report {

bool is_current(const trust::Cluster& cluster, const store::StatusReport& report) {
  return report.serves == to_hex(trust::state_digest(cluster));
}

Json report_json(const trust::Cluster& cluster, const store::StatusReport& report) {
  return {{"host", report.host},
          {"time", time_text(report.time)},
          {"snapshot_version", report.snapshot_version},
          {"ok", report.ok},
          {"current", is_current(cluster, report)},
          {"message", report.message}};
}

std::string report_text(const trust::Cluster& cluster, const store::StatusReport& report) {
  return fmt::format("{} at {}: snapshot {}, {} state", report.ok ? "ok" : "a FAILURE",
                     time_text(report.time), report.snapshot_version,
                     is_current(cluster, report) ? "the present" : "ANOTHER");
}

}  // namespace anchord::report
