// What there is to say of files: in the log, and to whoever asks.
#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/log.h"
#include "provisioning/provisioner.h"

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
  for (const FileNews::Line& line : problems_.news().take())
    line.is_warning ? log::warn(line.text) : log::info(line.text);
  publish_report();
}

void Provisioner::publish_report() {
  const Millis until = std::min(gone_files_.held_until(), gone_devices_.held_until());
  const Millis now = monotonic_now();
  Held held{.files = gone_files_.held(), .certificates = gone_devices_.held()};
  if (until != kNever)
    held.until = calendar_now() + static_cast<UnixSeconds>((until - std::min(now, until)) / 1000);
  const bool changed = problems_.has_changed();
  FileProblems::Problems problems;
  FileProblems::Warnings warnings;
  if (changed) {
    problems = problems_.problems();
    warnings = problems_.warnings();
  }
  std::lock_guard lock(mutex_);
  report_.held = held;
  report_.gone = gone_files_.waiting().size();
  report_.gone_certificates = gone_devices_.waiting().size() + after_their_files_.size();
  if (!changed) return;
  report_.problems.swap(problems);
  report_.warnings.swap(warnings);
  problems_.take_notice();
}

// Whether something is served of that folder, or file, which has its own folder's name in front.
bool Provisioner::serves_below(const std::string& file) const {
  if (!file.starts_with(kFiles)) return !in_folder_.empty();
  const std::string name = file.substr(kFiles.size());
  auto known = known_.lower_bound(name);
  return known != known_.end() && known->first.starts_with(name);
}

}  // namespace anchord::control
