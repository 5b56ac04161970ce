#include "ledger/address_book.h"

#include <algorithm>

namespace anchord::control {

void AddressBook::forget_oldest() {
  const Entry& oldest = by_time_.back();
  auto there = by_address_.find(oldest.from);
  there->second.erase(oldest.device);
  if (there->second.empty()) by_address_.erase(there);
  by_time_.pop_back();
}

void AddressBook::heard(const io::Host& from, std::string_view device, UnixSeconds now) {
  std::string name(device);
  Neighbours& there = by_address_[from];
  if (auto known = there.find(name); known != there.end()) {
    by_time_.splice(by_time_.begin(), by_time_, known->second);
    by_time_.front().last = now;
  } else {
    std::list<Entry> added;  // so that there is neither or both, should there be no memory
    added.push_front({.from = from, .device = name, .last = now});
    there.emplace(std::move(name), added.begin());
    by_time_.splice(by_time_.begin(), added);
  }
  // Those that are too old say nothing any more, and keep an address from being one phone's.
  while (!is_recent(by_time_.back(), now)) forget_oldest();
  if (by_time_.size() <= kMaxEntries) return;
  forgotten_ = std::max(forgotten_, by_time_.back().last);
  forget_oldest();
}

std::vector<std::string> AddressBook::devices(const io::Host& from, UnixSeconds now) const {
  std::vector<std::string> out;
  auto there = by_address_.find(from);
  if (there == by_address_.end()) return out;
  for (const auto& [device, place] : there->second)
    if (is_recent(*place, now)) out.push_back(device);
  return out;
}

bool AddressBook::is_crowded(const io::Host& from) const {
  auto there = by_address_.find(from);
  return there != by_address_.end() && there->second.size() > kMaxNeighbours;
}

std::string_view AddressBook::only_device(const io::Host& from, UnixSeconds now) const {
  auto there = by_address_.find(from);
  if (there == by_address_.end()) return {};
  std::string_view only;
  for (const auto& [device, place] : there->second) {
    if (!is_recent(*place, now)) continue;
    if (!only.empty()) return {};
    only = place->device;
  }
  return only;
}

}  // namespace anchord::control
