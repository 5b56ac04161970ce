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

// The files by phone: a phone's name can be spelled in several ways. With those that are named as no
// certificate is and name that phone alone.
using DeviceFiles = std::multimap<std::string, std::string>;
Result<DeviceFiles> device_files_by_phone(const std::filesystem::path& state);

// One that is gone already is removed.
Status remove_device_file(const std::filesystem::path& state, const std::string& file);

}  // namespace anchord::store
