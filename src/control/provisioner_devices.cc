// The devices' certificates: from the store, and from the folder beside the files.
#include "provisioner.h"

namespace anchord::control {
namespace {

constexpr std::uint64_t kMaxCertificateFile = 64 << 10;

// Whose certificate a file holds, by its name.
std::optional<std::string> named_device(std::string_view name) {
  constexpr std::string_view kPem = ".pem";
  if (!name.ends_with(kPem)) return std::nullopt;
  return trust::phone_name(name.substr(0, name.size() - kPem.size()));
}

}  // namespace

// The store's word, given by command, comes before the folder's.
void Provisioner::merge_devices() {
  auto merged = std::make_shared<ProvisioningContext>(*given_);
  merged->devices.insert(in_folder_.begin(), in_folder_.end());
  context_ = std::move(merged);
}

void Provisioner::look_at_devices(const std::set<std::string>& names) {
  DeviceCertificates before = context_->devices;
  for (const std::string& name : names) read_device(name);
  take_over_devices(before);
}

void Provisioner::remove_devices(const std::set<std::string>& names) {
  DeviceCertificates before = context_->devices;
  for (const std::string& name : names) {
    if (auto device = named_device(name)) in_folder_.erase(*device);
    device_files_.erase(name);
    news_.gone(std::string(kDevices) + name);
    clear_problem(std::string(kDevices) + name);
  }
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

void Provisioner::read_device(const std::string& name) {
  const std::string file = std::string(kDevices) + name;
  const std::optional<std::string> device = named_device(name);
  ReadFile read = devices_.read(name, {.bytes = kMaxCertificateFile, .name = "of a file with a certificate"});
  if (read.state == ReadFile::State::unfinished) return note_unfinished(file);
  unfinished_.erase(file);
  if (read.state == ReadFile::State::missing) {
    if (device && in_folder_.contains(*device)) return gone_devices_.missing(name, monotonic_now());
    device_files_.erase(name);
    return clear_problem(file);
  }
  gone_devices_.back(name);
  device_files_[name] = read.stamp;
  if (!device)
    return set_problem(file, "is not named as a device's certificate is, SEP and twelve digits and .pem",
                       Served::nothing);
  auto certificate = read.state == ReadFile::State::whole ? crypto::Certificate::from_pem_or_der(read.content)
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
