#include "admin/process_figures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <sstream>
#include <string>

#include "machine/system_text.h"

namespace anchord::control {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::uint64_t open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (folder == nullptr) return 0;
  std::uint64_t count = 0;
  while (::readdir(folder.get()) != nullptr) ++count;
  return count < 3 ? 0 : count - 3;  // ".", ".." and the folder's own
}

// The fields behind the program's name, which may hold anything (proc_pid_stat(5)): the third of all is the
// first.
std::uint64_t stat_field(int number) {
  const std::string text = system_file("/proc/self/stat");
  std::istringstream words(text.substr(text.rfind(')') + 1));
  std::string word;
  for (int at = 3; at <= number && words >> word; ++at) {
  }
  return system_number(word).value_or(0);
}

double start_time() {
  constexpr int kStartTime = 22;  // in ticks since the machine was started
  const auto booted = system_number(word_after(system_file("/proc/stat"), "btime"));
  return static_cast<double>(booted.value_or(0)) +
         static_cast<double>(stat_field(kStartTime)) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures out;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) out.cpu = seconds(used.ru_utime) + seconds(used.ru_stime);
  std::istringstream pages(system_file("/proc/self/statm"));
  pages >> out.address_space >> out.resident;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  out.address_space *= page;
  out.resident *= page;
  out.descriptors = open_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) out.descriptors_allowed = limit.rlim_cur;
  out.threads = system_number(word_after(system_file("/proc/self/status"), "Threads:")).value_or(0);
  out.started = start_time();
  return out;
}

}  // namespace anchord::control
