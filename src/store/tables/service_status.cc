#include "anchord/store/service_status.h"

#include "database/session.h"

namespace anchord::store {

Status report_status(Store& store, const StatusReport& report) {
  return execute(store.session().database,
                 R"(INSERT OR REPLACE INTO service_status (host, time, snapshot_version, ok, message, serves)
                    VALUES (?, ?, ?, ?, ?, ?))",
                 report.host, report.time, report.snapshot_version, report.ok, report.message, report.serves);
}

Result<std::vector<StatusReport>> last_status(Store& store) {
  std::vector<StatusReport> reports;
  Statement row(store.session().database,
                "SELECT host, time, snapshot_version, ok, message, serves FROM service_status ORDER BY host");
  while (row.next())
    reports.push_back({std::string(row.text(0)), row.integer(1), static_cast<std::uint64_t>(row.integer(2)),
                       row.integer(3) != 0, std::string(row.text(4)), std::string(row.text(5))});
  if (!row.ok()) return row.failure();
  return reports;
}

}  // namespace anchord::store
