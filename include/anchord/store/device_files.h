// Phones' certificates as an operator drops them into `devices/`: one file for each phone,
// named after it (SEP001122334455.pem), beside those that are given by command. Where both
// are there, the command's word counts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"

namespace anchord::store {

constexpr std::uint64_t kMaxDeviceFile = 64 << 10;  // bytes: a certificate is no larger

// The device whose certificate a file of the folder holds, by the file's name; none: it holds no device's.
std::optional<std::string> device_of_file(std::string_view name);

// Fails when the content is no certificate, or when the certificate names another phone: one
// that is in the wrong file would encrypt a configuration to a phone that never gets it. For
// those that differ on purpose there is 'anchorctl phone add --force', which says so.
Result<crypto::Certificate> device_certificate(std::string_view device, Bytes content);

// The devices that a file of the folder names in any way: by its own name, or in the certificates in
// it. Where it cannot be taken they count as those with a certificate that cannot be read, since
// somebody meant their configurations to be encrypted.
std::set<std::string> devices_in(std::string_view file, Bytes content);

// The problem of a file that device_of_file() does not know, and that names those devices.
std::string misnamed_file_problem(const std::set<std::string>& devices);

// The warning about a certificate that is also the one of `other`: "is the certificate of SEP…, too: …".
std::string shared_certificate_warning(std::string_view other);

// The problem of a second file for one phone: only the first by name is used.
std::string second_file_problem(std::string_view first);

struct DeviceFile {
  std::string file;    // "SEP001122334455.pem"
  std::string device;  // phone::device_name() of it
  std::optional<crypto::Certificate> certificate;
  std::string problem;  // why there is none, without the file's name
};

// All of them, by file name; last what names a device and is not named as its certificate is, once
// for each device. What names none is left out: the service says so. Fails when the folder cannot be read;
// one that is not there is empty.
Result<std::vector<DeviceFile>> read_device_files(const std::filesystem::path& state);

}  // namespace anchord::store
