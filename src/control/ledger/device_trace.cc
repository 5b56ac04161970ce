#include "ledger/device_trace.h"

#include <algorithm>
#include <set>

namespace anchord::control {

void DeviceTrace::Rings::add(std::string_view key, Event event) {
  auto known = by_key_.find(std::string(key));
  if (known != by_key_.end()) {
    newest_first_.splice(newest_first_.begin(), newest_first_, known->second);
  } else {
    if (newest_first_.size() == most_) {
      by_key_.erase(newest_first_.back().key);
      newest_first_.pop_back();
    }
    newest_first_.push_front({.key = std::string(key), .events = {}});
    by_key_.emplace(key, newest_first_.begin());
  }
  std::deque<Event>& events = newest_first_.front().events;
  if (events.size() == kMaxEvents) events.pop_front();
  events.push_back(std::move(event));
}

const DeviceTrace::Ring* DeviceTrace::Rings::find(std::string_view key) const {
  auto known = by_key_.find(std::string(key));
  return known != by_key_.end() ? &*known->second : nullptr;
}

void DeviceTrace::note_device(std::string_view device, Event event) {
  event.number = ++last_;
  devices_.add(device, std::move(event));
}

void DeviceTrace::note_address(Event event) {
  event.number = ++last_;
  std::string key = event.from.text();
  addresses_.add(key, std::move(event));
}

std::vector<DeviceTrace::Event> DeviceTrace::events(std::string_view device, std::uint64_t since) const {
  std::vector<Event> out;
  const Ring* own = devices_.find(device);
  if (own == nullptr) return out;
  auto take = [&](const Ring& ring) {
    std::ranges::copy_if(ring.events, std::back_inserter(out),
                         [&](const Event& event) { return event.number > since; });
  };
  take(*own);
  std::set<std::string> addresses;
  for (const Event& event : own->events) addresses.insert(event.from.text());
  for (const std::string& address : addresses)
    if (const Ring* ring = addresses_.find(address)) take(*ring);
  std::ranges::sort(out, {}, [](const Event& event) { return std::pair(event.at, event.number); });
  return out;
}

}  // namespace anchord::control
