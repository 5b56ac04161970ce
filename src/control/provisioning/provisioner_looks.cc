// Looks at both folders: at everything, and at what is to be looked at again by itself.
#include <fmt/core.h>

#include "anchord/base/log.h"
#include "anchord/store/device_files.h"
#include "provisioning/provisioner.h"

namespace anchord::control {
namespace {

// Of a folder that cannot be looked into: what is in it is not known to have gone.
bool is_below(const std::map<std::string, std::string>& folders, std::string_view prefix,
              const std::string& name) {
  if (folders.empty()) return false;
  const std::string file = std::string(prefix) + name;
  for (std::size_t slash = file.find('/'); slash != std::string::npos; slash = file.find('/', slash + 1))
    if (folders.contains(file.substr(0, slash)) || folders.contains(file.substr(0, slash + 1))) return true;
  return false;
}

}  // namespace

void Provisioner::look_at_everything() {
  const bool first = whole_pass_;
  watching_ = true;
  std::set<std::string> there;
  std::map<std::string, std::string> unreadable;
  if (auto names = changed_devices(unreadable); !names.empty()) look_at_devices(names);
  process(changed_files(there, unreadable));
  if (stopping()) return;
  for (const auto& [name, reason] : unreadable)
    problems_.set(name, reason, serves_below(name) ? Served::last_good : Served::nothing);
  clear_gone_problems(there, unreadable);
  if (unreadable.empty()) forget_copies_but(there);
  if (first) {
    for (auto& [name, saved] : kept_) to_forget_.insert(name);
    kept_.clear();
  }
  save_signatures();
  if (first) finish_first_look();
  whole_pass_ = false;
}

// Those that have gone, too.
std::set<std::string> Provisioner::changed_devices(std::map<std::string, std::string>& unreadable) {
  std::set<std::string> names;
  for (const auto& [name, stamp] : device_files_) names.insert(name);
  devices_.walk({.enter =
                     [&](const std::string& folder) {
                       watching_ = device_watch_.watch(folder) && watching_;
                       // A folder that is called what a certificate is holds none that is taken.
                       if (!store::devices_in(folder, {}).empty()) names.insert(folder);
                     },
                 .see =
                     [&](std::string name, const FileStamp& stamp) {
                       auto known = device_files_.find(name);
                       if (known != device_files_.end() && known->second == stamp &&
                           !gone_devices_.waits(name) && !after_their_files_.contains(name)) {
                         names.erase(name);
                       } else {
                         names.insert(std::move(name));
                       }
                     },
                 .problem =
                     [&](const std::string& name, std::string reason) {
                       unreadable.emplace(std::string(kDevices) + name, std::move(reason));
                     }});
  std::erase_if(names, [&](const std::string& name) { return is_below(unreadable, kDevices, name); });
  return names;
}

// Those that have gone, too; `there` gets all others.
std::vector<Provisioner::Job> Provisioner::changed_files(std::set<std::string>& there,
                                                         std::map<std::string, std::string>& unreadable) {
  std::vector<Job> jobs;
  files_.walk(
      {.enter = [&](const std::string& folder) { watching_ = file_watch_.watch(folder) && watching_; },
       .see =
           [&](std::string name, const FileStamp& stamp) {
             auto known = known_.find(name);
             if (known == known_.end() || known->second.stamp != stamp || gone_files_.waits(name) ||
                 problems_.keeps_last_good(std::string(kFiles) + name))
               jobs.push_back({.name = name, .read = {.stamp = stamp}});
             there.insert(std::move(name));
           },
       .problem =
           [&](const std::string& name, std::string reason) {
             unreadable.emplace(std::string(kFiles) + name, std::move(reason));
           }});
  for (const auto& [name, known] : known_)
    if (!there.contains(name) && !is_below(unreadable, kFiles, name)) jobs.push_back({.name = name});
  return jobs;
}

// What was broken and has gone is no problem any more.
void Provisioner::clear_gone_problems(const std::set<std::string>& there,
                                      const std::map<std::string, std::string>& unreadable) {
  std::vector<std::string> gone;
  for (const auto& [file, problem] : problems_.problems()) {
    if (unreadable.contains(file) || file.starts_with(kLastGood) || is_below(unreadable, "", file)) continue;
    if (file.starts_with(kFiles) ? !there.contains(file.substr(kFiles.size()))
                                 : !device_files_.contains(file.substr(kDevices.size())))
      gone.push_back(file);
  }
  for (const std::string& file : gone) problems_.clear(file);
}

void Provisioner::finish_first_look() {
  Report now = report();
  log::info(fmt::format("provisioning: {} files, {} signatures kept from before, {} made", now.files,
                        now.signatures_kept, now.signatures_made));
  judge_copies();
  tell();
  send_update();
}

// Those whose time has come. Looks at the ones that were told of begin anew: somebody has
// closed them.
void Provisioner::take_unfinished(std::set<std::string>& files, std::set<std::string>& devices) {
  for (const std::string& name : files) unfinished_.forget(std::string(kFiles) + name);
  for (const std::string& name : devices) unfinished_.forget(std::string(kDevices) + name);
  for (const std::string& file : unfinished_.due(monotonic_now())) {
    const bool of_a_device = file.starts_with(kDevices);
    (of_a_device ? devices : files).insert(file.substr(of_a_device ? kDevices.size() : kFiles.size()));
  }
}

}  // namespace anchord::control
