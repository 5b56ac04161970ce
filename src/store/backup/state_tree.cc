#include "backup/state_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "anchord/base/file_descriptor.h"
#include "anchord/base/trusted_folder.h"

namespace anchord::store {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class Walk {
 public:
  Walk(std::filesystem::path directory, const WantedAtTop& wanted, const Visit& visit, Skipped& skipped)
      : directory_(std::move(directory)), wanted_(wanted), visit_(visit), skipped_(skipped) {}

  // `folder` is open, and `path` below the state directory; empty: that itself.
  Status through(int folder, const std::string& path);

 private:
  std::unexpected<Error> cannot_read(const std::string& path) const {
    return fail_errno(fmt::format("cannot read '{}'", (directory_ / path).string()), errno);
  }
  Result<std::vector<std::string>> names_in(int folder, const std::string& path) const;
  Status look_at(int folder, const std::string& path, const std::string& name);
  Status into(int folder, const std::string& path, const std::string& name, bool follow);

  std::filesystem::path directory_;
  const WantedAtTop& wanted_;
  const Visit& visit_;
  Skipped& skipped_;
};

Result<std::vector<std::string>> Walk::names_in(int folder, const std::string& path) const {
  // Its own position, and closed with the stream.
  int again = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, CloseFolder> stream(again < 0 ? nullptr : ::fdopendir(again));
  if (!stream) return cannot_read(path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != ".." && (!path.empty() || wanted_(name))) names.push_back(std::move(name));
    errno = 0;
  }
  if (errno != 0) return cannot_read(path);
  std::ranges::sort(names);
  return names;
}

Status Walk::into(int folder, const std::string& path, const std::string& name, bool follow) {
  if (follow) {
    // Links of others are not followed: what they lead to would be in the backup.
    auto above = TrustedFolder::open(directory_);
    ANCHORD_TRY_ASSIGN(auto target, above ? above->folder(name, Sharing::group) : std::move(above));
    FileDescriptor inner(::openat(target.descriptor(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return inner ? through(inner.get(), path) : cannot_read(path);
  }
  FileDescriptor inner(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!inner) return errno == ENOENT ? Status{} : cannot_read(path);
  return through(inner.get(), path);
}

Status Walk::look_at(int folder, const std::string& path, const std::string& name) {
  bool at_top = path == name;
  struct stat info{};
  if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Status{} : cannot_read(path);
  bool follow = at_top && S_ISLNK(info.st_mode) && belongs_in_backup(EntryKind::folder, path);
  if (follow && ::fstatat(folder, name.c_str(), &info, 0) != 0) return cannot_read(path);

  Found found{.entry = {.kind = S_ISDIR(info.st_mode) ? EntryKind::folder : EntryKind::file,
                        .path = path,
                        .mode = info.st_mode & 0777,
                        .mtime = info.st_mtime,
                        .size = S_ISREG(info.st_mode) ? static_cast<std::uint64_t>(info.st_size) : 0},
              .folder = folder,
              .name = name};
  if ((!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) ||
      !belongs_in_backup(found.entry.kind, found.entry.path)) {
    // At the top are a service's sockets and others' files: nothing to speak of.
    if (!at_top) skipped_.add(path);
    return {};
  }
  ANCHORD_TRY(visit_(found));
  return S_ISDIR(info.st_mode) ? into(folder, path, name, follow) : Status{};
}

Status Walk::through(int folder, const std::string& path) {
  ANCHORD_TRY_ASSIGN(auto names, names_in(folder, path));
  for (const std::string& name : names)
    ANCHORD_TRY(look_at(folder, path.empty() ? name : path + "/" + name, name));
  return {};
}

}  // namespace

Status walk_state(const std::filesystem::path& directory, const WantedAtTop& wanted, const Visit& visit,
                  Skipped& skipped) {
  FileDescriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno(fmt::format("cannot read '{}'", directory.string()), errno);
  return Walk(directory, wanted, visit, skipped).through(folder.get(), "");
}

}  // namespace anchord::store
