// Which devices have asked TVS questions: the last of each, for a bounded number of
// devices. In memory only; the longest silent ones are forgotten first.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "anchord/base/clock.h"
#include "anchord/service/activity_log.h"

namespace anchord::control {

class DeviceLog {
 public:
  // Names are the peers' claims, so anybody can invent them: more than a large
  // cluster has are not kept.
  static constexpr std::size_t kMaxDevices = 100'000;

  struct Device {
    std::string name;
    std::uint64_t questions = 0;
    UnixSeconds last_asked = 0;
    service::QuestionKind last_kind{};
    bool last_yes = false;
  };

  void note(const service::Question& question, UnixSeconds now);
  std::size_t size() const { return devices_.size(); }
  const std::list<Device>& newest_first() const { return devices_; }

 private:
  std::list<Device> devices_;
  std::unordered_map<std::string, std::list<Device>::iterator> by_name_;
};

}  // namespace anchord::control
