// CPU time of processes, user and system together, in seconds.
#pragma once

#include "anchord/base/error.h"

namespace anchord::load {

double own_cpu_seconds();

// Its children that have ended count too: there are servers that make a process for
// each transfer. From /proc/PID/stat, in steps of a clock tick (10 ms).
Result<double> cpu_seconds_of(int pid);

}  // namespace anchord::load
