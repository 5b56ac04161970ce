// /metrics: all that is counted and measured, from the two tables of metrics.
#pragma once

#include <span>
#include <string_view>

#include "admin/board.h"
#include "admin/process_figures.h"
#include "anchord/admin/page.h"
#include "anchord/admin/server.h"
#include "anchord/service/latency.h"
#include "anchord/service/metrics.h"

namespace anchord::control {

// What a page is made of. service_metrics.def's expressions are of one.
struct AdminSeen {
  const protocol::Status& status;
  std::span<const AdminFacts::OwnCertificate> own_certificates;
  double age = 0;  // seconds since the status was made
  admin::Counts admin;
  ProcessFigures process;
};

admin::Page metrics_page(std::string_view accept, const service::MetricValues& counters,
                         const service::AllLatencyValues& latencies, const AdminSeen& seen);

}  // namespace anchord::control
