// The devices' certificates: from the store, and from the folder beside the files.
#include <fmt/format.h>

#include "anchord/store/device_files.h"
#include "provisioner.h"

namespace anchord::control {

// The store's word, given by command, comes before the folder's.
void Provisioner::merge_devices() {
  auto merged = std::make_shared<ProvisioningContext>(*given_);
  merged->devices.insert(in_folder_.begin(), in_folder_.end());
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
    if (const auto& certificate = context_->devices.at(device)) {
      const Users& sharing = users.at(certificate->sha256());
      other = sharing.first == device ? sharing.second : sharing.first;
    }
    set_warning(std::string(kDevices) + name, other.empty() ? "" : store::shared_certificate_warning(other));
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
  for (const std::string& name : names) {
    auto used = file_of_device_.find(store::device_of_file(name).value_or(""));
    if (used != file_of_device_.end() && used->second == name) {
      without.insert(used->first);
      file_of_device_.erase(used);
    }
    forget_device_file(name);
    news_.gone(std::string(kDevices) + name);
  }
  // Another file of the same phone takes the place; what was there stays until it is read.
  if (!without.empty()) {
    for (const auto& [name, stamp] : device_files_)
      if (auto device = store::device_of_file(name); device && without.erase(*device) > 0)
        look_at_device_again(name);
  }
  for (const std::string& device : without) in_folder_.erase(device);
  take_over_devices(before);
}

void Provisioner::take_over_devices(const DeviceCertificates& before) {
  merge_devices();
  if (before == context_->devices) return;
  process(remake([&](const std::string& name) { return has_other_certificate(name, before); }));
}

bool Provisioner::has_other_certificate(const std::string& name, const DeviceCertificates& before) const {
  auto device = configured_device(name);
  if (!device) return names_a_phone(name);  // it may be a copy
  auto was = before.find(*device);
  auto is = context_->devices.find(*device);
  if (was == before.end() || is == context_->devices.end())
    return (was == before.end()) != (is == context_->devices.end());
  return !(was->second == is->second);
}

void Provisioner::forget_device_file(const std::string& name) {
  device_files_.erase(name);
  clear_problem(std::string(kDevices) + name);
  set_warning(std::string(kDevices) + name, "");
}

// The first file by name is a phone's, whichever came first: so it is the same after a restart.
bool Provisioner::takes_device(const std::string& name, const std::string& device) {
  auto [used, added] = file_of_device_.try_emplace(device, name);
  if (added || used->second == name) return true;
  if (used->second < name) return false;
  look_at_device_again(std::exchange(used->second, name));
  return true;
}

void Provisioner::look_at_device_again(const std::string& name) {
  unfinished_[std::string(kDevices) + name] = {};
}

void Provisioner::read_device(const std::string& name) {
  const std::string file = std::string(kDevices) + name;
  const std::optional<std::string> device = store::device_of_file(name);
  ReadFile read =
      devices_.read(name, {.bytes = store::kMaxDeviceFile, .name = "of a file with a certificate"});
  if (read.state == ReadFile::State::unfinished) return note_unfinished(file);
  unfinished_.erase(file);
  if (read.state == ReadFile::State::missing) {
    auto used = device ? file_of_device_.find(*device) : file_of_device_.end();
    if (used != file_of_device_.end() && used->second == name)
      return gone_devices_.missing(name, monotonic_now());
    return forget_device_file(name);
  }
  gone_devices_.back(name);
  device_files_[name] = read.stamp;
  if (!device)
    return set_problem(file, "is not named as a device's certificate is, SEP and twelve digits and .pem",
                       Served::nothing);
  if (!takes_device(name, *device))
    return set_problem(file, store::second_file_problem(file_of_device_.at(*device)), Served::nothing);
  auto certificate = read.state == ReadFile::State::whole ? store::device_certificate(*device, read.content)
                                                          : Result<crypto::Certificate>(fail(read.reason));
  if (certificate) {
    if (!whole_pass_) {
      auto before = in_folder_.find(*device);
      if (before == in_folder_.end())
        news_.added(file);
      else if (before->second != *certificate)
        news_.changed(file);
    }
    in_folder_.insert_or_assign(*device, std::move(*certificate));
    return clear_problem(file);
  }
  // One that was good stays; none at all is remembered, so that secrets stay here.
  auto [known, added] = in_folder_.try_emplace(*device, std::nullopt);
  set_problem(file, certificate.error().text, known->second ? Served::last_good : Served::nothing);
}

}  // namespace anchord::control
