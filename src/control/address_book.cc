#include "address_book.h"

namespace anchord::control {

void AddressBook::heard(const io::Host& from, std::string_view device, UnixSeconds now) {
  auto known = by_address_.find(from);
  if (known == by_address_.end()) {
    if (by_time_.size() == kMaxAddresses) {
      by_address_.erase(by_time_.back().from);
      by_time_.pop_back();
    }
    by_time_.push_front({.from = from, .device = std::string(device), .last = now});
    by_address_.emplace(from, by_time_.begin());
    return;
  }
  by_time_.splice(by_time_.begin(), by_time_, known->second);
  Entry& entry = by_time_.front();
  if (entry.device != device) {
    entry.other = entry.last;
    entry.device = device;
  }
  entry.last = now;
}

std::string_view AddressBook::only_device(const io::Host& from, UnixSeconds now) const {
  auto known = by_address_.find(from);
  if (known == by_address_.end()) return {};
  const Entry& entry = *known->second;
  if (now - entry.last > kMemory) return {};
  if (entry.other != 0 && now - entry.other <= kMemory) return {};
  return entry.device;
}

}  // namespace anchord::control
