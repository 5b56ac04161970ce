#include "boot_statistics.h"

#include <fmt/core.h>

#include <algorithm>

namespace anchord::load {

using trust::BootEnd;

void BootStatistics::add(const std::string& phone, const trust::VirtualPhone::Done& done) {
  counts_[static_cast<std::size_t>(done.end)].fetch_add(1, std::memory_order_relaxed);
  if (done.end == BootEnd::fine) return;
  // The same reason for all: the names are told beside it.
  std::string text = done.reason;
  for (auto at = text.find(phone); at != std::string::npos; at = text.find(phone, at)) {
    text.replace(at, phone.size(), "SEP<mac>");
  }
  const std::lock_guard lock(mutex_);
  auto found = reasons_.find({done.end, text});
  if (found == reasons_.end() && reasons_.size() >= kMaxReasons) text = "others";
  Reason& reason = reasons_[{done.end, text}];
  ++reason.count;
  if (reason.phones.size() < kNames) reason.phones.push_back(phone);
}

std::string BootStatistics::live() const {
  return fmt::format(", {} degraded, {} locked", count(BootEnd::degraded), count(BootEnd::locked));
}

std::vector<std::pair<std::pair<BootEnd, std::string>, BootStatistics::Reason>> BootStatistics::sorted()
    const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::pair<BootEnd, std::string>, Reason>> out(reasons_.begin(), reasons_.end());
  std::ranges::sort(out, [](const auto& a, const auto& b) {
    if (a.first.first != b.first.first) return a.first.first > b.first.first;
    if (a.second.count != b.second.count) return a.second.count > b.second.count;
    return a.first.second < b.first.second;
  });
  return out;
}

std::string BootStatistics::text() const {
  std::string out = fmt::format("  {} fine, {} degraded, {} locked", count(BootEnd::fine),
                                count(BootEnd::degraded), count(BootEnd::locked));
  if (const std::uint64_t off = off_.load(std::memory_order_relaxed); off > 0) {
    out += fmt::format(", {} switched off", off);
  }
  out += "\n";
  for (const auto& [kind, reason] : sorted()) {
    std::string names;
    for (const std::string& phone : reason.phones) names += (names.empty() ? "" : ", ") + phone;
    if (reason.count > reason.phones.size()) names += " ...";
    out += fmt::format("  {}: {}, {} ({})\n", trust::boot_end_name(kind.first), reason.count, kind.second,
                       names);
  }
  return out;
}

}  // namespace anchord::load
