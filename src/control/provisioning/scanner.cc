#include "provisioning/scanner.h"

#include <poll.h>

#include <array>
#include <span>

#include "provisioning/file_problems.h"

namespace anchord::control {

bool Unreadable::is_above(const std::string& file) const {
  if (reasons_.empty()) return false;
  for (std::size_t slash = file.find('/'); slash != std::string::npos; slash = file.find('/', slash + 1))
    if (has(file.substr(0, slash)) || has(file.substr(0, slash + 1))) return true;
  return false;
}

Result<Scanner> Scanner::open(const std::filesystem::path& state) {
  ANCHORD_TRY_ASSIGN(Folder files, Folder::open(state / "provisioning"));
  ANCHORD_TRY_ASSIGN(Folder devices, Folder::open(state / "devices"));
  ANCHORD_TRY_ASSIGN(FolderWatch file_watch, FolderWatch::open(files.path()));
  ANCHORD_TRY_ASSIGN(FolderWatch device_watch, FolderWatch::open(devices.path()));
  return Scanner(std::move(files), std::move(devices), std::move(file_watch), std::move(device_watch));
}

void Scanner::wait(int asked, Millis until, bool with_events) const {
  std::array<pollfd, 3> waiting{pollfd{file_watch_.descriptor(), POLLIN, 0},
                                pollfd{device_watch_.descriptor(), POLLIN, 0}, pollfd{asked, POLLIN, 0}};
  std::span<pollfd> wanted(waiting);
  if (!with_events) wanted = wanted.last(1);
  const Millis now = monotonic_now();
  const int timeout = until == kNever ? -1 : static_cast<int>(until > now ? until - now : 0);
  ::poll(wanted.data(), wanted.size(), timeout);
}

// Looks at unfinished files that were told of begin anew: somebody has closed them.
Scanner::Changed Scanner::take(Millis now) {
  FolderWatch::Events files = file_watch_.take();
  FolderWatch::Events devices = device_watch_.take();
  Changed out{.files = std::move(files.names),
              .devices = std::move(devices.names),
              .everything = files.rescan || devices.rescan};
  for (const std::string& name : out.files) unfinished_.forget(std::string(kProvisioningPrefix) + name);
  for (const std::string& name : out.devices) unfinished_.forget(std::string(kDevicesPrefix) + name);
  for (const std::string& file : unfinished_.due(now)) {
    const bool of_a_device = file.starts_with(kDevicesPrefix);
    (of_a_device ? out.devices : out.files)
        .insert(file.substr(of_a_device ? kDevicesPrefix.size() : kProvisioningPrefix.size()));
  }
  return out;
}

void Scanner::list_files(const See& see, Unreadable& unreadable) {
  files_.walk(
      {.enter = [&](const std::string& folder) { watching_ = file_watch_.watch(folder) && watching_; },
       .see = see,
       .problem =
           [&](const std::string& name, std::string reason) {
             unreadable.add(std::string(kProvisioningPrefix) + name, std::move(reason));
           }});
}

void Scanner::list_devices(const See& see, const Enter& enter, Unreadable& unreadable) {
  devices_.walk({.enter =
                     [&](const std::string& folder) {
                       watching_ = device_watch_.watch(folder) && watching_;
                       enter(folder);
                     },
                 .see = see,
                 .problem =
                     [&](const std::string& name, std::string reason) {
                       unreadable.add(std::string(kDevicesPrefix) + name, std::move(reason));
                     }});
}

}  // namespace anchord::control
