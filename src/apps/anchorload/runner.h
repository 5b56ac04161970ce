// A whole run: threads, the clock that paces them, the line on the terminal, and what
// it all came to.
#pragma once

#include <optional>

#include "anchord/base/error.h"
#include "client.h"
#include "plan.h"
#include "run_statistics.h"

namespace anchord::load {

struct Outcome {
  RunStatistics total;
  double seconds = 0;                  // that were measured
  std::optional<double> begun_within;  // seconds: for the first tasks, as many as there are clients
  double client_cpu = 0;
  std::optional<double> server_cpu;
};

// Fails when the run cannot begin: no ring, no sockets, no such server process.
Result<Outcome> run(const Plan& plan, Protocol& protocol);

}  // namespace anchord::load
