// Finds what has changed in provisioning/ and devices/: by the kernel's events, by looks at everything, and
// by looks at single files whose time has come again. It reads no content. Names of files have their folder's
// in front where both folders are spoken of ("devices/a.pem"). One thread's own.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "provisioning/folder.h"
#include "provisioning/folder_watch.h"
#include "provisioning/unfinished_files.h"

namespace anchord::control {

// Files and folders that cannot be looked into, with the reason: nothing that lies below them is known to
// have gone.
class Unreadable {
 public:
  void add(std::string file, std::string reason) { reasons_.emplace(std::move(file), std::move(reason)); }
  bool has(const std::string& file) const { return reasons_.contains(file); }
  // Whether the file lies in one of them, at any depth.
  bool is_above(const std::string& file) const;
  const std::map<std::string, std::string>& reasons() const { return reasons_; }

 private:
  std::map<std::string, std::string> reasons_;
};

class Scanner {
 public:
  // The folders are made where there are none.
  static Result<Scanner> open(const std::filesystem::path& state);

  const Folder& files() const { return files_; }
  const Folder& devices() const { return devices_; }
  // What is to be looked at again by itself, in both folders.
  UnfinishedFiles& unfinished() { return unfinished_; }
  const UnfinishedFiles& unfinished() const { return unfinished_; }

  // Until something has happened in the folders, `asked` is readable, or it is `until` (kNever: no time ends
  // it). Without events only `asked` ends it: what happened meanwhile is found later.
  void wait(int asked, Millis until, bool with_events) const;

  struct Changed {
    std::set<std::string> files;  // names without their folder's
    std::set<std::string> devices;
    bool everything = false;  // events were lost, or folders came or went
  };
  // What has happened since this was last asked, and the files whose time has come.
  Changed take(Millis now);

  using See = std::function<void(std::string name, const FileStamp& stamp)>;
  using Enter = std::function<void(const std::string& folder)>;
  // Looks at everything begin here: watches() is about the folders that are listed from now on.
  void begin_listing() { watching_ = true; }
  void list_files(const See& see, Unreadable& unreadable);
  void list_devices(const See& see, const Enter& enter, Unreadable& unreadable);
  // Whether the kernel tells of changes in all folders.
  bool watches() const { return watching_; }

 private:
  Scanner(Folder files, Folder devices, FolderWatch file_watch, FolderWatch device_watch)
      : files_(std::move(files)),
        devices_(std::move(devices)),
        file_watch_(std::move(file_watch)),
        device_watch_(std::move(device_watch)) {}

  Folder files_;
  Folder devices_;
  FolderWatch file_watch_;
  FolderWatch device_watch_;
  UnfinishedFiles unfinished_;
  bool watching_ = true;
};

}  // namespace anchord::control
