// Tells which files of a folder were finished, moved or removed, as it happens.
//
// Events can be lost (a queue that runs over, no watches left): `rescan` says so, and
// who uses this looks at the whole folder from time to time besides.
#pragma once

#include <set>
#include <string>
#include <unordered_map>

#include "anchord/base/error.h"
#include "anchord/io/socket.h"
#include "provisioning/folder.h"

namespace anchord::control {

class FolderWatch {
 public:
  static Result<FolderWatch> open(const std::filesystem::path& root);

  int descriptor() const { return inotify_.get(); }

  // To be told of what happens in that folder below the root ("" is the root itself), and
  // called before it is listed. False when the kernel gives no more watches.
  bool watch(const std::string& folder);

  struct Events {
    std::set<std::string> names;  // files to look at
    bool rescan = false;          // folders came or went, or events were lost
  };
  Events take();

 private:
  FolderWatch(std::filesystem::path root, FileDescriptor inotify)
      : root_(std::move(root)), inotify_(std::move(inotify)) {}

  std::filesystem::path root_;
  FileDescriptor inotify_;
  std::unordered_map<int, std::string> folders_;  // by watch
};

}  // namespace anchord::control
