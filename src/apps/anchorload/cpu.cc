#include "cpu.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace anchord::load {

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Result<double> cpu_seconds_of(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  // The second field, in parentheses, may itself hold blanks and parentheses.
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return fail(fmt::format("--pid: there is no process {}", pid));
  std::istringstream fields(line.substr(name_end + 1));
  constexpr int kBetween = 11;  // fields from there to utime
  std::string skipped;
  for (int i = 0; i < kBetween; ++i) fields >> skipped;
  double total = 0;
  for (int i = 0; i < 4; ++i) {  // utime, stime, and both of the children
    double ticks = 0;
    fields >> ticks;
    total += ticks;
  }
  return total / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace anchord::load
