#include "copies.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace anchord::control {

void Copies::put_encrypted(const std::string& name, trust::ConfigTraits traits) {
  forget(name);
  for (std::uint64_t value : traits.values) ++secrets_[value];
  std::string device = configured_device(name).value_or("");
  ++configured_[device];
  files_.emplace(name, File{std::move(traits), std::move(device)});
}

void Copies::put_other(const std::string& name, trust::ConfigTraits traits) {
  forget(name);
  if (traits.values.empty() && traits.packed.empty()) return;
  files_.emplace(name, File{std::move(traits), {}});
  suspects_.insert(name);
}

void Copies::forget(const std::string& name) {
  auto file = files_.find(name);
  if (file == files_.end()) return;
  suspects_.erase(name);
  if (const std::string& device = file->second.device; !device.empty()) {
    for (std::uint64_t value : file->second.traits.values)
      if (auto counted = secrets_.find(value); --counted->second == 0) secrets_.erase(counted);
    if (auto counted = configured_.find(device); --counted->second == 0) configured_.erase(counted);
  }
  files_.erase(file);
}

std::string Copies::problem(const std::string& name, const DeviceCertificates& devices) const {
  const trust::ConfigTraits& traits = files_.at(name).traits;
  if (std::string device = copied(traits); !device.empty()) return copy_problem(device);
  if (!traits.packed.empty() && !configured_.empty()) return packed_problem(traits.packed);
  if (traits.ends_in_secret && !configured_.empty()) return cut_problem();
  if (traits.is_part && traits.has_secrets && !is_configuration_name(name))
    if (std::string device = device_without_configuration(devices); !device.empty())
      return unnamed_problem(device);
  return {};
}

// The device whose encrypted configuration holds what this one does; empty when none does.
std::string Copies::copied(const trust::ConfigTraits& traits) const {
  auto shared = std::ranges::find_if(traits.values, [&](auto value) { return secrets_.contains(value); });
  if (shared == traits.values.end()) return {};
  for (const auto& [name, file] : files_)
    if (!file.device.empty() && std::ranges::binary_search(file.traits.values, *shared)) return file.device;
  return {};
}

std::string Copies::device_without_configuration(const DeviceCertificates& devices) const {
  for (const auto& [device, certificate] : devices)
    if (stays_encrypted(certificate) && !configured_.contains(device)) return device;
  return {};
}

}  // namespace anchord::control
