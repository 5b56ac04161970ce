#include "provisioning/unfinished_files.h"

#include <algorithm>

namespace anchord::control {
namespace {

// From one look at an unfinished file to the next: twice as long each time, up to the latter.
constexpr Millis kLookAtUnfinished = 20;
constexpr Millis kLookAtUnfinishedMost = 1'000;

}  // namespace

void UnfinishedFiles::found(const std::string& file, Millis now) {
  File& one = files_[file];
  Millis pause = kLookAtUnfinished;
  for (unsigned i = 0; i < one.looks && pause < kLookAtUnfinishedMost; ++i) pause *= 2;
  ++one.looks;
  one.next_look = now + std::min(pause, kLookAtUnfinishedMost);
}

unsigned UnfinishedFiles::looks(const std::string& file) const {
  auto known = files_.find(file);
  return known != files_.end() ? known->second.looks : 0;
}

std::set<std::string> UnfinishedFiles::due(Millis now) const {
  std::set<std::string> out;
  for (const auto& [file, one] : files_)
    if (one.next_look <= now) out.insert(file);
  return out;
}

Millis UnfinishedFiles::next_look() const {
  Millis next = kNever;
  for (const auto& [file, one] : files_) next = std::min(next, one.next_look);
  return next;
}

}  // namespace anchord::control
