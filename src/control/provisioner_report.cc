// What there is to say of files: in the log, and to whoever asks.
#include <fmt/format.h>

#include <algorithm>

#include "anchord/base/log.h"
#include "provisioner.h"

namespace anchord::control {

Provisioner::Report Provisioner::report() const {
  std::lock_guard lock(mutex_);
  Report out = report_;
  out.to_make = to_make_;
  out.made = std::min<std::size_t>(made_, out.to_make);
  return out;
}

std::string Provisioner::progress() const {
  const std::size_t all = to_make_;
  if (all == 0) return {};
  return fmt::format("signing {} of {} files", std::min<std::size_t>(made_, all), all);
}

bool Provisioner::at_work() const {
  return made_ < to_make_;
}

// The log first: who sees a problem in the report finds it there.
void Provisioner::tell() {
  for (const FileNews::Line& line : news_.take())
    line.is_warning ? log::warn(line.text) : log::info(line.text);
  publish_report();
}

void Provisioner::publish_report() {
  const Millis until = std::min(gone_files_.held_until(), gone_devices_.held_until());
  const Millis now = monotonic_now();
  Held held{.files = gone_files_.held(), .certificates = gone_devices_.held()};
  if (until != kNever)
    held.until = calendar_now() + static_cast<UnixSeconds>((until - std::min(now, until)) / 1000);
  std::lock_guard lock(mutex_);
  report_.held = held;
  if (!report_is_old_) return;
  report_is_old_ = false;
  report_.problems = problems_;
  report_.warnings = warnings_;
}

bool Provisioner::has_problem(const std::string& file) const {
  return problems_.contains(file);
}

bool Provisioner::keeps_last_good(const std::string& name) const {
  auto problem = problems_.find(std::string(kFiles) + name);
  return problem != problems_.end() && problem->second.served == Served::last_good;
}

// Whether something is served of that folder, or file, which has its own folder's name in front.
bool Provisioner::serves_below(const std::string& file) const {
  if (!file.starts_with(kFiles)) return !in_folder_.empty();
  const std::string name = file.substr(kFiles.size());
  auto known = known_.lower_bound(name);
  return known != known_.end() && known->first.starts_with(name);
}

void Provisioner::set_problem(const std::string& file, std::string reason, Served served) {
  auto [problem, added] = problems_.try_emplace(file);
  report_is_old_ =
      report_is_old_ || added || problem->second.served != served || problem->second.reason != reason;
  const bool said = !added && problem->second.reason == reason;
  problem->second.served = served;
  if (said) return;
  news_.odd(file, served == Served::last_good ? reason + "; the last good version stays" : reason);
  problem->second.reason = std::move(reason);
  problem->second.since = calendar_now();
}

void Provisioner::clear_problem(const std::string& file) {
  if (problems_.erase(file) == 0) return;
  report_is_old_ = true;
  news_.good_again(file);
}

void Provisioner::set_warning(const std::string& file, const std::string& reason) {
  if (reason.empty()) {
    report_is_old_ = warnings_.erase(file) > 0 || report_is_old_;
    return;
  }
  Warning& warning = warnings_[file];
  if (warning.reason == reason) return;
  report_is_old_ = true;
  warning = {.reason = reason, .since = calendar_now()};
  news_.odd(file, file.starts_with(kDevices) ? reason : reason + "; it is served as it is");
}

}  // namespace anchord::control
