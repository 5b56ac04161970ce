#include "file_problems.h"

#include <utility>

namespace anchord::control {

bool FileProblems::keeps_last_good(const std::string& file) const {
  auto problem = problems_.find(file);
  return problem != problems_.end() && problem->second.served == Served::last_good;
}

void FileProblems::set(const std::string& file, std::string reason, Served served) {
  auto [problem, added] = problems_.try_emplace(file);
  const bool said = !added && problem->second.reason == reason;
  changed_ = changed_ || !said || problem->second.served != served;
  problem->second.served = served;
  if (said) return;
  news_.odd(file, served == Served::last_good ? reason + "; the last good version stays" : reason);
  problem->second.reason = std::move(reason);
  problem->second.since = calendar_now();
}

void FileProblems::clear(const std::string& file) {
  if (problems_.erase(file) == 0) return;
  changed_ = true;
  news_.good_again(file);
}

void FileProblems::warn(const std::string& file, const std::string& reason) {
  if (reason.empty()) {
    changed_ = warnings_.erase(file) > 0 || changed_;
    return;
  }
  Warning& warning = warnings_[file];
  if (warning.reason == reason) return;
  changed_ = true;
  warning = {.reason = reason, .since = calendar_now()};
  news_.odd(file, file.starts_with(kDevicesPrefix) ? reason : reason + "; it is served as it is");
}

}  // namespace anchord::control
