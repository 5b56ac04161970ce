#include "device_log.h"

namespace anchord::control {

void DeviceLog::note(const service::Question& question, UnixSeconds now) {
  std::string name(question.device.text());
  if (name.empty()) return;
  auto known = by_name_.find(name);
  if (known != by_name_.end()) {
    devices_.splice(devices_.begin(), devices_, known->second);
  } else {
    if (devices_.size() == kMaxDevices) {
      by_name_.erase(devices_.back().name);
      devices_.pop_back();
    }
    devices_.push_front({.name = name});
    by_name_.emplace(std::move(name), devices_.begin());
  }
  Device& device = devices_.front();
  ++device.questions;
  device.last_asked = now;
  device.last_kind = question.kind;
  device.last_yes = question.answered_yes;
}

}  // namespace anchord::control
