// openat2() would do this in one call. The seccomp filters that systemd makes for RestrictSUIDSGID= forbid
// it, since they cannot see its flags: so each step is one of openat(), which is not led away by a link.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <filesystem>
#include <utility>
#include <vector>

#include "anchord/base/trusted_folder.h"

namespace anchord {
namespace {

constexpr unsigned kMaxLinksBelow = 40;  // as the kernel's own
// Each folder on the way is held open: who may write to the folder cannot make it all descriptors.
constexpr std::size_t kMaxFolders = 128;

bool is_link(const FileDescriptor& file) {
  struct stat info{};
  return ::fstat(file.get(), &info) == 0 && S_ISLNK(info.st_mode);
}

class WayBelow {
 public:
  explicit WayBelow(int folder) : folder_(folder) {}

  FileDescriptor open(const std::filesystem::path& name, int flags) {
    if (!go(name)) return {};
    while (!steps_.empty()) {
      const std::string step = std::move(steps_.front());
      steps_.pop_front();
      if (step.empty() || step == ".") continue;
      if (step == "..") {
        if (!leave()) return {};
        continue;
      }
      const bool last = steps_.empty();
      FileDescriptor next(
          ::openat(at(), step.c_str(), (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC));
      if (last && ((flags & O_NOFOLLOW) != 0 || (next && !is_link(next)))) return next;
      if (!(!last && next ? enter(std::move(next)) : follow(step))) return {};
    }
    return FileDescriptor(::openat(at(), ".", flags | O_CLOEXEC));
  }

 private:
  int at() const { return entered_.empty() ? folder_ : entered_.back().get(); }

  static bool refuse(int error) {
    errno = error;
    return false;
  }

  // These steps come before all others.
  bool go(const std::filesystem::path& path) {
    if (path.is_absolute()) return refuse(EXDEV);
    std::deque<std::string> first;
    for (const auto& part : path) first.push_back(part.string());
    steps_.insert(steps_.begin(), first.begin(), first.end());
    return true;
  }

  bool enter(FileDescriptor folder) {
    if (entered_.size() == kMaxFolders) return refuse(ENAMETOOLONG);
    entered_.push_back(std::move(folder));
    return true;
  }

  // To the folder that it was entered from, wherever it has been moved meanwhile.
  bool leave() {
    if (entered_.empty()) return refuse(EXDEV);
    entered_.pop_back();
    return true;
  }

  // What could not be opened: where it is no link, the error is that one.
  bool follow(const std::string& step) {
    const int error = errno;
    std::array<char, PATH_MAX> room;
    const ssize_t size = ::readlinkat(at(), step.c_str(), room.data(), room.size());
    if (size < 0) return refuse(errno == EINVAL ? error : errno);
    if (++links_ > kMaxLinksBelow) return refuse(ELOOP);
    return go(std::string(room.data(), static_cast<std::size_t>(size)));
  }

  int folder_;
  std::vector<FileDescriptor> entered_;
  std::deque<std::string> steps_;
  unsigned links_ = 0;
};

}  // namespace

FileDescriptor open_below(int folder, const std::string& name, int flags) {
  return WayBelow(folder).open(name, flags);
}

}  // namespace anchord
