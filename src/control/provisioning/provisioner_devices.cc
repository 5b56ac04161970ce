// The devices' certificates: from the store, and from the folder beside the files.
#include <fmt/core.h>

#include <algorithm>

#include "anchord/phone/file_kind.h"
#include "anchord/store/device_files.h"
#include "provisioning/provisioner.h"

namespace anchord::control {

// The store's word, given by command, comes before the folder's.
void Provisioner::merge_devices() {
  auto merged = std::make_shared<ProvisioningContext>(*given_);
  merged->devices.insert(in_folder_.begin(), in_folder_.end());
  for (const auto& [file, devices] : untaken_)
    for (const std::string& device : devices) merged->devices.emplace(device, std::nullopt);
  context_ = std::move(merged);
  warn_of_shared_certificates();
}

// Whoever has the key of one reads the configurations of all.
void Provisioner::warn_of_shared_certificates() {
  struct Users {
    std::string_view first;
    std::string_view second;  // empty: it is of one phone alone
  };
  std::map<crypto::Sha256, Users> users;
  for (const auto& [device, certificate] : context_->devices) {
    if (!certificate) continue;
    auto [at, added] = users.try_emplace(certificate->sha256(), device, "");
    if (!added && at->second.second.empty()) at->second.second = device;
  }
  for (const auto& [device, name] : file_of_device_) {
    std::string_view other;
    if (auto known = context_->devices.find(device); known != context_->devices.end() && known->second) {
      const Users& sharing = users.at(known->second->sha256());
      other = sharing.first == device ? sharing.second : sharing.first;
    }
    problems_.warn(std::string(kDevices) + name,
                   other.empty() ? "" : store::shared_certificate_warning(other));
  }
}

void Provisioner::look_at_devices(const std::set<std::string>& names) {
  DeviceCertificates before = context_->devices;
  for (const std::string& name : names) read_device(name);
  take_over_devices(before);
}

void Provisioner::remove_devices(const std::set<std::string>& names) {
  DeviceCertificates before = context_->devices;
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
      look_at_device_again(name);
  }
  for (const std::string& name : names) {
    clear_device_problems(name);
    problems_.news().gone(std::string(kDevices) + name);
  }
  // Nothing fails from here on: a certificate without its file would never go.
  for (auto used : unused) file_of_device_.erase(used);
  for (const std::string& name : names) {
    device_files_.erase(name);
    untaken_.erase(name);
  }
  for (const std::string& device : without)
    if (!file_of_device_.contains(device)) in_folder_.erase(device);
  take_over_devices(before);
}

void Provisioner::take_over_devices(const DeviceCertificates& before) {
  merge_devices();
  if (before == context_->devices) return;
  process(remake([&](const std::string& name) { return has_other_certificate(name, before); }));
}

bool Provisioner::has_other_certificate(const std::string& name, const DeviceCertificates& before) const {
  auto device = phone::configured_device(name);
  if (!device) return names_a_phone(name);  // it may be a copy
  auto was = before.find(*device);
  auto is = context_->devices.find(*device);
  if (was == before.end() || is == context_->devices.end())
    return (was == before.end()) != (is == context_->devices.end());
  return !(was->second == is->second);
}

void Provisioner::forget_device_file(const std::string& name) {
  clear_device_problems(name);
  device_files_.erase(name);
  untaken_.erase(name);
}

void Provisioner::clear_device_problems(const std::string& name) {
  problems_.clear(std::string(kDevices) + name);
  problems_.warn(std::string(kDevices) + name, "");
}

// The first file by name is a phone's, whichever came first: so it is the same after a restart.
bool Provisioner::takes_device(const std::string& name, const std::string& device) {
  auto [used, added] = file_of_device_.try_emplace(device, name);
  if (added || used->second == name) return true;
  if (used->second < name) return false;
  std::string file = name;
  look_at_device_again(used->second);
  used->second.swap(file);
  return true;
}

void Provisioner::look_at_device_again(const std::string& name) {
  unfinished_.look_again(std::string(kDevices) + name);
}

void Provisioner::read_device(const std::string& name) {
  const std::string file = std::string(kDevices) + name;
  const std::optional<std::string> device = store::device_of_file(name);
  ReadFile read =
      devices_.read(name, {.bytes = store::kMaxDeviceFile, .name = "of a file with a certificate"});
  if (read.state == ReadFile::State::missing && devices_.holds(name)) {
    read.state = ReadFile::State::refused;
    read.reason = "is a folder";
  }
  if (read.state == ReadFile::State::unfinished) {
    // What is served first must not depend on whether somebody still writes.
    if (whole_pass_ && !in_folder_.contains(device.value_or("")))
      untaken_[name] = store::devices_in(name, {});
    return unfinished_.found(file, monotonic_now());
  }
  unfinished_.forget(file);
  if (read.state == ReadFile::State::missing) return device_missing(name);
  gone_devices_.back(name);
  after_their_files_.erase(name);
  device_files_[name] = read.stamp;
  auto certificate = certificate_in(name, read);
  if (!certificate) {
    // One that was good stays. Where there is none that is remembered, so that secrets stay here.
    const auto& devices = untaken_[name] = store::devices_in(name, read.content);
    const bool keeps = std::ranges::any_of(devices, [&](const std::string& one) {
      auto used = file_of_device_.find(one);
      return in_folder_.contains(one) && (used == file_of_device_.end() || used->second == name);
    });
    if (devices.empty()) untaken_.erase(name);
    return problems_.set(file, certificate.error().text, keeps ? Served::last_good : Served::nothing);
  }
  auto [known, added] = in_folder_.try_emplace(*device, *certificate);
  if (!whole_pass_ && added) problems_.news().added(file);
  if (!whole_pass_ && known->second != *certificate) problems_.news().changed(file);
  known->second = std::move(*certificate);
  untaken_.erase(name);  // not before: the phone would be one that nothing is meant to be encrypted for
  problems_.clear(file);
}

// The reason is what there is to say of the file, which is not used then.
Result<crypto::Certificate> Provisioner::certificate_in(const std::string& name, const ReadFile& read) {
  const std::optional<std::string> device = store::device_of_file(name);
  if (!device) return fail(store::misnamed_file_problem(store::devices_in(name, read.content)));
  if (!takes_device(name, *device)) return fail(store::second_file_problem(file_of_device_.at(*device)));
  if (read.state != ReadFile::State::whole) return fail(read.reason);
  return store::device_certificate(*device, read.content);
}

// Those whose certificate a file holds, or might.
std::set<std::string> Provisioner::devices_of(const std::string& name) const {
  auto untaken = untaken_.find(name);
  std::set<std::string> out = untaken != untaken_.end() ? untaken->second : std::set<std::string>();
  if (auto device = store::device_of_file(name)) out.insert(std::move(*device));
  return out;
}

void Provisioner::device_missing(const std::string& name) {
  auto used = file_of_device_.find(store::device_of_file(name).value_or(""));
  const bool matters = (used != file_of_device_.end() && used->second == name) || untaken_.contains(name);
  if (!matters) return forget_device_file(name);
  if (!after_their_files_.contains(name)) gone_devices_.missing(name, monotonic_now());
}

}  // namespace anchord::control
