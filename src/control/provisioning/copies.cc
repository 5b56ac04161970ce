#include "provisioning/copies.h"

#include <algorithm>
#include <new>
#include <utility>

#include "anchord/phone/file_kind.h"

namespace anchord::control {

void Copies::put_encrypted(const std::string& name, trust::ConfigTraits traits) {
  std::string device = phone::configured_device(name).value_or("");
  decltype(files_)::iterator file;
  try {
    for (std::uint64_t value : traits.values) secrets_.try_emplace(value, 0);
    configured_.try_emplace(device, 0);
    file = files_.try_emplace(name).first;
  } catch (const std::bad_alloc&) {
    forget_uncounted(traits, device);
    throw;
  }
  // Nothing fails from here on.
  for (std::uint64_t value : traits.values) ++secrets_.find(value)->second;
  ++configured_.find(device)->second;
  count_out(file->second);
  suspects_.erase(name);
  file->second = {std::move(traits), std::move(device)};
}

void Copies::put_other(const std::string& name, trust::ConfigTraits traits) {
  if (traits.values.empty() && traits.packed.empty()) return forget(name);
  std::set<std::string> suspect{name};
  auto file = files_.try_emplace(name).first;
  // Nothing fails from here on.
  count_out(file->second);
  suspects_.merge(suspect);
  file->second = {std::move(traits), {}};
}

void Copies::forget(const std::string& name) {
  auto file = files_.find(name);
  if (file == files_.end()) return;
  suspects_.erase(name);
  count_out(file->second);
  files_.erase(file);
}

void Copies::count_out(const File& file) {
  if (file.device.empty()) return;
  for (std::uint64_t value : file.traits.values)
    if (auto counted = secrets_.find(value); --counted->second == 0) secrets_.erase(counted);
  if (auto counted = configured_.find(file.device); --counted->second == 0) configured_.erase(counted);
}

void Copies::forget_uncounted(const trust::ConfigTraits& traits, const std::string& device) {
  for (std::uint64_t value : traits.values)
    if (auto known = secrets_.find(value); known != secrets_.end() && known->second == 0)
      secrets_.erase(known);
  if (auto known = configured_.find(device); known != configured_.end() && known->second == 0)
    configured_.erase(known);
}

std::string Copies::problem(const std::string& name, const DeviceCertificates& devices) const {
  const trust::ConfigTraits& traits = files_.at(name).traits;
  if (std::string device = copied(traits); !device.empty()) return copy_problem(device);
  if (!traits.packed.empty() && !configured_.empty()) return packed_problem(traits.packed);
  if (traits.ends_in_secret && !configured_.empty()) return cut_problem();
  if (traits.is_part && traits.has_secrets && !phone::is_configuration_name(name))
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
