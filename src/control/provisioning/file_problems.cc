#include "provisioning/file_problems.h"

#include <utility>

namespace anchord::control {

bool FileProblems::keeps_last_good(const std::string& file) const {
  auto problem = problems_.find(file);
  return problem != problems_.end() && problem->second.served == protocol::Served::last_good;
}

// What may fail comes first, here and below: what is said of a file is as before, or as it is now.
void FileProblems::set(const std::string& file, std::string reason, protocol::Served served) {
  auto known = problems_.find(file);
  if (known != problems_.end() && known->second.reason == reason) {
    changed_ = changed_ || known->second.served != served;
    known->second.served = served;
    return;
  }
  Problems added;
  if (known == problems_.end()) added.try_emplace(file);
  news_.odd(file, served == protocol::Served::last_good ? reason + "; the last good version stays" : reason);
  if (known == problems_.end()) known = problems_.insert(added.extract(added.begin())).position;
  known->second = {.reason = std::move(reason), .since = calendar_now(), .served = served};
  changed_ = true;
}

void FileProblems::clear(const std::string& file) {
  auto known = problems_.find(file);
  if (known == problems_.end()) return;
  news_.good_again(file);
  problems_.erase(known);
  changed_ = true;
}

void FileProblems::warn(const std::string& file, const std::string& reason) {
  if (reason.empty()) {
    changed_ = warnings_.erase(file) > 0 || changed_;
    return;
  }
  auto known = warnings_.find(file);
  if (known != warnings_.end() && known->second.reason == reason) return;
  Warning warning{.reason = reason, .since = calendar_now()};
  Warnings added;
  if (known == warnings_.end()) added.try_emplace(file);
  news_.odd(file, file.starts_with(kDevicesPrefix) ? reason : reason + "; it is served as it is");
  if (known == warnings_.end()) known = warnings_.insert(added.extract(added.begin())).position;
  known->second = std::move(warning);
  changed_ = true;
}

}  // namespace anchord::control
