// The folder of phones' certificates, as the store's own commands change it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/store/device_files.h"

namespace anchord::store {

constexpr char kDeviceFolder[] = "devices";

// Of files that are named as devices' certificates are, sorted.
Result<std::vector<std::string>> device_file_names(const std::filesystem::path& state);

// Their names by phone: a phone's name can be spelled in several ways.
using DeviceFiles = std::multimap<std::string, std::string>;
Result<DeviceFiles> device_files_by_phone(const std::filesystem::path& state);

// One that is gone already is removed.
Status remove_device_file(const std::filesystem::path& state, const std::string& file);

}  // namespace anchord::store
