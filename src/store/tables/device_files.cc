#include "anchord/store/device_files.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "anchord/base/file.h"
#include "anchord/base/trusted_folder.h"
#include "anchord/phone/device_name.h"
#include "anchord/trust/cluster.h"
#include "tables/device_folder.h"

namespace anchord::store {
namespace {

constexpr std::string_view kPem = ".pem";

// Whether the name is that of an unfinished file: those do not exist for the service either.
bool is_temporary(const std::string& name) {
  return name.starts_with('.') || name.ends_with('~');
}

// Nothing but files is opened: a pipe would keep who reads waiting.
Result<Buffer> content_of(const Result<TrustedFolder>& folder, const std::filesystem::path& path) {
  std::error_code problem;
  if (!std::filesystem::is_regular_file(path, problem))
    return problem ? fail("cannot be looked at: " + problem.message()) : fail("is not a file");
  if (!folder) return std::unexpected(folder.error());
  return folder->read(path.filename().string(), kMaxDeviceFile);
}

// Sorted. Folders in it are the service's to name, unless they are called what a certificate is.
Result<std::vector<std::string>> file_names(const std::filesystem::path& state) {
  std::error_code problem;
  const std::filesystem::path folder = state / kDeviceFolder;
  std::filesystem::directory_iterator files(folder, problem);
  std::vector<std::string> names;
  for (; !problem && files != std::filesystem::directory_iterator(); files.increment(problem)) {
    std::error_code unknown;
    std::string name = files->path().filename().string();
    if (is_temporary(name) || (files->is_directory(unknown) && !device_of_file(name))) continue;
    names.push_back(std::move(name));
  }
  if (problem && problem != std::errc::no_such_file_or_directory)
    return fail(fmt::format("cannot read {}: {}", quoted(folder), problem.message()));
  std::ranges::sort(names);
  return names;
}

void read_into(DeviceFile& out, const Result<TrustedFolder>& folder, const std::filesystem::path& path) {
  auto content = content_of(folder, path);
  auto certificate = content ? device_certificate(out.device, *content)
                             : Result<crypto::Certificate>(std::unexpected(content.error()));
  if (certificate) {
    out.certificate = std::move(*certificate);
  } else {
    out.problem = certificate.error().text;
  }
}

}  // namespace

std::optional<std::string> device_of_file(std::string_view name) {
  if (!name.ends_with(kPem)) return std::nullopt;
  return phone::device_name(name.substr(0, name.size() - kPem.size()));
}

Result<crypto::Certificate> device_certificate(std::string_view device, Bytes content) {
  auto certificate = crypto::Certificate::from_pem_or_der(content);
  if (!certificate) return std::unexpected(std::move(certificate.error()).within("cannot be used"));
  auto named = trust::named_phone(certificate->subject());
  if (!named || *named == device) return certificate;
  return fail(
      fmt::format("names {}, another phone: name the file after that one, or, where they differ on purpose, "
                  "remove it and use 'anchorctl phone add {} --certificate FILE --force'",
                  *named, device));
}

std::set<std::string> devices_in(std::string_view file, Bytes content) {
  std::set<std::string> out;
  for (std::string& phone : phone::devices_in(file)) out.insert(std::move(phone));
  if (auto certificates = crypto::Certificate::all_from(content)) {
    for (const crypto::Certificate& one : *certificates)
      if (auto named = trust::named_phone(one.subject())) out.insert(std::move(*named));
  }
  return out;
}

std::string misnamed_file_problem(const std::set<std::string>& devices) {
  std::string out = "is not named as a device's certificate is, SEP and twelve digits and .pem";
  if (devices.empty()) return out;
  const std::string& first = *devices.begin();
  out += fmt::format(
      ": rename it to '{}.pem', or remove it; without another one nothing new of the "
      "configuration of {}",
      first, first);
  if (devices.size() > 1) out += fmt::format(" and {} more", devices.size() - 1);
  return out + " is served";
}

std::string shared_certificate_warning(std::string_view other) {
  return fmt::format(
      "is the certificate of {}, too: whoever has its key can read the configurations of both; give each "
      "phone its own",
      other);
}

std::string second_file_problem(std::string_view first) {
  return fmt::format("is not used: '{}' is of the same phone; remove one of the two", first);
}

Result<std::vector<DeviceFile>> read_device_files(const std::filesystem::path& state) {
  ANCHORD_TRY_ASSIGN(auto names, file_names(state));
  auto above = TrustedFolder::open(state);
  auto folder = above ? above->folder(kDeviceFolder, Sharing::group) : std::move(above);
  std::vector<DeviceFile> out;
  std::vector<DeviceFile> misnamed;
  std::map<std::string, std::string> first;  // file by device
  for (std::string& name : names) {
    const std::filesystem::path path = state / kDeviceFolder / name;
    auto device = device_of_file(name);
    if (!device) {
      auto content = content_of(folder, path);
      const auto devices = devices_in(name, content ? Bytes(*content) : Bytes());
      for (const std::string& one : devices)
        misnamed.push_back({.file = name, .device = one, .problem = misnamed_file_problem(devices)});
      continue;
    }
    DeviceFile one{.file = name, .device = *device, .certificate = {}, .problem = {}};
    if (auto [at, added] = first.try_emplace(one.device, name); added) {
      read_into(one, folder, path);
    } else {
      one.problem = second_file_problem(at->second);
    }
    out.push_back(std::move(one));
  }
  std::ranges::move(misnamed, std::back_inserter(out));
  return out;
}

Result<DeviceFiles> device_files_by_phone(const std::filesystem::path& state) {
  ANCHORD_TRY_ASSIGN(auto names, file_names(state));
  DeviceFiles out;
  for (std::string& name : names)
    if (auto devices = phone::devices_in(name); devices.size() == 1)
      out.emplace(std::move(devices.front()), std::move(name));
  return out;
}

Status remove_device_file(const std::filesystem::path& state, const std::string& file) {
  std::error_code problem;
  const std::filesystem::path path = state / kDeviceFolder / file;
  std::filesystem::remove(path, problem);
  if (!problem) return {};
  return fail(
      fmt::format("cannot remove {}: {}; nothing was changed in the store", quoted(path), problem.message()));
}

}  // namespace anchord::store
