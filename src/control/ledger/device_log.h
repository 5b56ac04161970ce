// What each device has asked the verification service and which versions of which
// files it was given, for a bounded number of devices. In memory only; the ones
// silent longest are forgotten first.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/service/activity_log.h"

namespace anchord::control {

class DeviceLog {
 public:
  // Names are the peers' claims, so anybody can invent them: more than a large
  // cluster has are not kept.
  static constexpr std::size_t kMaxDevices = 100'000;
  // Versions of files of one device: what it fetched last is kept.
  static constexpr std::size_t kMaxFiles = 8;

  struct FileCount {
    std::string file;
    std::uint64_t version = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
    UnixSeconds last = 0;
    service::Protocol protocol{};  // the last one's
    io::Host from;
  };
  struct Device {
    std::string name;  // as it last called itself: "CP-8861-SEP001122334455", "SEP001122334455"
    std::uint64_t questions = 0;
    UnixSeconds last_asked = 0;
    service::QuestionKind last_kind{};
    bool last_yes = false;
    std::vector<FileCount> files;  // the last one fetched in front
  };

  void note(const service::Question& question, UnixSeconds now);
  void note(const service::Download& download, UnixSeconds now);  // with a device
  std::size_t size() const { return devices_.size(); }
  const std::list<Device>& newest_first() const { return devices_; }

 private:
  Device& heard_of(std::string_view name);

  std::list<Device> devices_;
  std::unordered_map<std::string, std::list<Device>::iterator> by_phone_;
};

}  // namespace anchord::control
