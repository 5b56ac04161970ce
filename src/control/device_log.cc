#include "device_log.h"

#include <algorithm>

#include "anchord/trust/cluster.h"

namespace anchord::control {
namespace {

std::string key_of(std::string_view name) {
  return phone_in(name).value_or(std::string(name));
}

}  // namespace

std::optional<std::string> phone_in(std::string_view name) {
  if (name.size() < trust::kPhoneName) return std::nullopt;
  return trust::phone_name(name.substr(name.size() - trust::kPhoneName));
}

DeviceLog::Device& DeviceLog::heard_of(std::string_view name) {
  std::string key = key_of(name);
  auto known = by_phone_.find(key);
  if (known != by_phone_.end()) {
    devices_.splice(devices_.begin(), devices_, known->second);
    return devices_.front();
  }
  if (devices_.size() == kMaxDevices) {
    by_phone_.erase(key_of(devices_.back().name));
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
