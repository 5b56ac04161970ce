#include "provisioning/device_folder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "anchord/phone/file_kind.h"
#include "anchord/store/device_files.h"

namespace anchord::control {

std::shared_ptr<const ProvisioningContext> DeviceFolder::merged_into(const ProvisioningContext& given) const {
  auto merged = std::make_shared<ProvisioningContext>(given);
  merged->devices.insert(certificates_.begin(), certificates_.end());
  for (const auto& [file, devices] : untaken_)
    for (const std::string& device : devices) merged->devices.emplace(device, std::nullopt);
  return merged;
}

// Whoever has the key of one reads the configurations of all.
void DeviceFolder::warn_of_shared(const DeviceCertificates& all) {
  struct Users {
    std::string_view first;
    std::string_view second;  // empty: it is of one phone alone
  };
  std::map<crypto::Sha256, Users> users;
  for (const auto& [device, certificate] : all) {
    if (!certificate) continue;
    auto [at, added] = users.try_emplace(certificate->sha256(), device, "");
    if (!added && at->second.second.empty()) at->second.second = device;
  }
  for (const auto& [device, name] : file_of_device_) {
    std::string_view other;
    if (auto known = all.find(device); known != all.end() && known->second) {
      const Users& sharing = users.at(known->second->sha256());
      other = sharing.first == device ? sharing.second : sharing.first;
    }
    problems_.warn(std::string(kDevicesPrefix) + name,
                   other.empty() ? "" : store::shared_certificate_warning(other));
  }
}

bool DeviceFolder::is_known(const std::string& name, const FileStamp& stamp) const {
  auto known = files_.find(name);
  return known != files_.end() && known->second == stamp && !gone_.waits(name) &&
         !after_their_files_.contains(name);
}

void DeviceFolder::doubt_all() noexcept {
  for (auto& [name, stamp] : files_) stamp = {};
}

void DeviceFolder::read(const std::string& name, bool is_first_look) {
  const std::string file = std::string(kDevicesPrefix) + name;
  const std::optional<std::string> device = store::device_of_file(name);
  ReadFile read =
      folder_.read(name, {.bytes = store::kMaxDeviceFile, .name = "of a file with a certificate"});
  if (read.state == ReadFile::State::missing && folder_.holds(name)) {
    read.state = ReadFile::State::refused;
    read.reason = "is a folder";
  }
  if (read.state == ReadFile::State::unfinished) {
    // What is served first must not depend on whether somebody still writes.
    if (is_first_look && !certificates_.contains(device.value_or("")))
      untaken_[name] = store::devices_in(name, {});
    return unfinished_.found(file, monotonic_now());
  }
  unfinished_.forget(file);
  if (read.state == ReadFile::State::missing) return settle_missing(name);
  gone_.back(name);
  after_their_files_.erase(name);
  files_[name] = read.stamp;
  auto certificate = certificate_in(name, read);
  if (!certificate) return settle_untaken(name, read, std::move(certificate.error().text));
  auto [known, added] = certificates_.try_emplace(*device, *certificate);
  if (!is_first_look && added) problems_.news().added(file);
  if (!is_first_look && known->second != *certificate) problems_.news().changed(file);
  known->second = std::move(*certificate);
  untaken_.erase(name);  // not before: the phone would be one that nothing is meant to be encrypted for
  problems_.clear(file);
}

// A certificate that was good stays. Where there is none that is remembered, so that secrets stay here.
void DeviceFolder::settle_untaken(const std::string& name, const ReadFile& read, std::string reason) {
  const auto& devices = untaken_[name] = store::devices_in(name, read.content);
  const bool keeps = std::ranges::any_of(devices, [&](const std::string& one) {
    auto used = file_of_device_.find(one);
    return certificates_.contains(one) && (used == file_of_device_.end() || used->second == name);
  });
  if (devices.empty()) untaken_.erase(name);
  problems_.set(std::string(kDevicesPrefix) + name, std::move(reason),
                keeps ? protocol::Served::last_good : protocol::Served::nothing);
}

void DeviceFolder::settle_missing(const std::string& name) {
  if (uses(name) || untaken_.contains(name)) {
    if (!after_their_files_.contains(name)) gone_.missing(name, monotonic_now());
    return;
  }
  clear_problems(name);
  files_.erase(name);
  untaken_.erase(name);
}

// The reason is what there is to say of the file, which is not used then.
Result<crypto::Certificate> DeviceFolder::certificate_in(const std::string& name, const ReadFile& read) {
  const std::optional<std::string> device = store::device_of_file(name);
  if (!device) return fail(store::misnamed_file_problem(store::devices_in(name, read.content)));
  if (!takes_device(name, *device)) return fail(store::second_file_problem(file_of_device_.at(*device)));
  if (read.state != ReadFile::State::whole) return fail(read.reason);
  return store::device_certificate(*device, read.content);
}

// The first file by name is a phone's, whichever came first: so it is the same after a restart.
bool DeviceFolder::takes_device(const std::string& name, const std::string& device) {
  auto [used, added] = file_of_device_.try_emplace(device, name);
  if (added || used->second == name) return true;
  if (used->second < name) return false;
  std::string file = name;
  look_again(used->second);
  used->second.swap(file);
  return true;
}

bool DeviceFolder::uses(const std::string& name) const {
  auto used = file_of_device_.find(store::device_of_file(name).value_or(""));
  return used != file_of_device_.end() && used->second == name;
}

std::set<std::string> DeviceFolder::take_due_removals(const Removals& gone_files, Millis now) {
  std::set<std::string> due = gone_.due(files_.size(), now);
  removal_news_.note_gone(due.size());
  due.insert(after_their_files_.begin(), after_their_files_.end());
  if (due.empty()) return due;
  std::set<std::string> waiting;  // devices
  for (const auto& [name, since] : gone_files.waiting())
    if (auto device = phone::configured_device(name)) waiting.insert(std::move(*device));
  std::set<std::string> later;
  for (const std::string& name : due)
    if (std::ranges::any_of(devices_of(name), [&](const auto& device) { return waiting.contains(device); }))
      later.insert(name);
  for (const std::string& name : later) due.erase(name);
  after_their_files_ = std::move(later);
  return due;
}

// Those whose certificate a file holds, or might.
std::set<std::string> DeviceFolder::devices_of(const std::string& name) const {
  auto untaken = untaken_.find(name);
  std::set<std::string> out = untaken != untaken_.end() ? untaken->second : std::set<std::string>();
  if (auto device = store::device_of_file(name)) out.insert(std::move(*device));
  return out;
}

void DeviceFolder::remove(const std::set<std::string>& names) {
  std::set<std::string> without;  // a file
  std::vector<std::map<std::string, std::string>::iterator> unused;
  for (const std::string& name : names) {
    auto used = file_of_device_.find(store::device_of_file(name).value_or(""));
    if (used != file_of_device_.end() && used->second == name) {
      without.insert(used->first);
      unused.push_back(used);
    }
    if (auto untaken = untaken_.find(name); untaken != untaken_.end())
      without.insert(untaken->second.begin(), untaken->second.end());
  }
  // Another file of the same phone takes the place, or would if it could; what was there stays.
  for (const auto& [name, devices] : untaken_) {
    if (names.contains(name)) continue;
    if (std::erase_if(without, [&](const std::string& device) { return devices.contains(device); }) > 0)
      look_again(name);
  }
  for (const std::string& name : names) {
    clear_problems(name);
    problems_.news().gone(std::string(kDevicesPrefix) + name);
  }
  // Nothing fails from here on: a certificate without its file would never go.
  for (auto used : unused) file_of_device_.erase(used);
  for (const std::string& name : names) {
    files_.erase(name);
    untaken_.erase(name);
  }
  for (const std::string& device : without)
    if (!file_of_device_.contains(device)) certificates_.erase(device);
}

void DeviceFolder::look_again(const std::string& name) {
  unfinished_.look_again(std::string(kDevicesPrefix) + name);
}

void DeviceFolder::clear_problems(const std::string& name) {
  problems_.clear(std::string(kDevicesPrefix) + name);
  problems_.warn(std::string(kDevicesPrefix) + name, "");
}

}  // namespace anchord::control
