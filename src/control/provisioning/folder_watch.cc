#include "provisioning/folder_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace anchord::control {
namespace {

constexpr std::uint32_t kFinished = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB;

// Links are complete when they are made: nobody closes them.
bool is_link(const std::filesystem::path& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 &&
         (S_ISLNK(found.st_mode) || (S_ISREG(found.st_mode) && found.st_nlink > 1));
}

}  // namespace

Result<FolderWatch> FolderWatch::open(const std::filesystem::path& root) {
  FileDescriptor inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return fail_errno("cannot watch folders (see fs.inotify.max_user_instances)", errno);
  return FolderWatch(root, std::move(inotify));
}

bool FolderWatch::watch(const std::string& folder) {
  int watch = ::inotify_add_watch(inotify_.get(), (root_ / folder).c_str(),
                                  kFinished | IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK);
  if (watch < 0) return errno == ENOENT;  // a folder that has gone needs none
  folders_[watch] = folder;               // a folder that was moved keeps its watch
  return true;
}

FolderWatch::Events FolderWatch::take() {
  Events out;
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  for (;;) {
    ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) return out;
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      const char* text = at + sizeof event;
      at += sizeof event + event.len;
      if (event.mask & IN_Q_OVERFLOW) out.rescan = true;
      if (event.mask & IN_IGNORED) folders_.erase(event.wd);
      auto folder = folders_.find(event.wd);
      if (event.len == 0 || folder == folders_.end() || !is_visible(text)) continue;
      std::string name = folder->second.empty() ? text : folder->second + "/" + text;
      if (event.mask & IN_ISDIR) {
        if (event.mask & ~(IN_ISDIR | IN_ATTRIB)) out.rescan = true;
      } else if ((event.mask & kFinished) || is_link(root_ / name)) {
        out.names.insert(std::move(name));
      }
    }
  }
}

}  // namespace anchord::control
