#include "ledger/device_log.h"

#include <algorithm>

#include "anchord/phone/device_name.h"

namespace anchord::control {
DeviceLog::Device& DeviceLog::heard_of(std::string_view name) {
  std::string key = phone::device_key(name);
  auto known = by_phone_.find(key);
  if (known != by_phone_.end()) {
    devices_.splice(devices_.begin(), devices_, known->second);
    return devices_.front();
  }
  if (devices_.size() == kMaxDevices) {
    by_phone_.erase(phone::device_key(devices_.back().name));
    devices_.pop_back();
  }
  std::list<Device> added;  // so that there is neither or both, should there be no memory
  added.push_front({.name = std::string(name)});
  by_phone_.emplace(std::move(key), added.begin());
  devices_.splice(devices_.begin(), added);
  return devices_.front();
}

void DeviceLog::note(const service::Question& question, UnixSeconds now) {
  std::string_view name = question.device.text();
  if (name.empty()) return;
  Device& device = heard_of(name);
  device.name = name;
  ++device.questions;
  device.last_asked = now;
  device.last_kind = question.kind;
  device.last_yes = question.answered_yes;
}

void DeviceLog::note(const service::Download& download, UnixSeconds now) {
  if (download.end == service::DownloadEnd::not_there) return;
  std::string_view file = download.file.text();
  std::vector<FileCount>& files = heard_of(download.device.text()).files;
  auto known = std::ranges::find_if(
      files, [&](const FileCount& f) { return f.version == download.version && f.file == file; });
  if (known == files.end()) {
    if (files.size() == kMaxFiles) files.pop_back();
    known = files.insert(files.end(), {.file = std::string(file), .version = download.version});
  }
  ++(download.end == service::DownloadEnd::given ? known->completed : known->failed);
  known->last = now;
  known->protocol = download.protocol;
  known->from = download.from;
  std::rotate(files.begin(), known, known + 1);
}

}  // namespace anchord::control
