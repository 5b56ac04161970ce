#include "database/temporary_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "anchord/base/ascii.h"
#include "database/no_rights.h"

namespace anchord::store {
namespace {

// Somebody may take a new folder for one that was left, in the moment before it is locked.
constexpr int kNewAttempts = 5;

bool is_still(const FileDescriptor& folder, const std::filesystem::path& path) {
  struct stat held{}, there{};
  return ::fstat(folder.get(), &held) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}

FileDescriptor lock_folder(const std::filesystem::path& path) {
  FileDescriptor out(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (out && ::flock(out.get(), LOCK_EX | LOCK_NB) == 0 && is_still(out, path)) return out;
  return {};
}

}  // namespace

Result<TemporaryFolder> TemporaryFolder::make(const std::filesystem::path& pattern) {
  for (int attempt = 0; attempt < kNewAttempts; ++attempt) {
    std::string name = pattern.string();
    if (::mkdtemp(name.data()) == nullptr)
      return fail_at(fmt::format("cannot make a folder in '{}'", pattern.parent_path().string()), errno,
                     pattern.parent_path());
    if (FileDescriptor lock = lock_folder(name)) return TemporaryFolder(name, std::move(lock));
    ::rmdir(name.c_str());
  }
  return fail(
      fmt::format("cannot lock a folder in '{}': name another place", pattern.parent_path().string()));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

bool remove_if_left(const std::filesystem::path& folder) {
  const FileDescriptor lock = lock_folder(folder);
  if (!lock) return errno == EWOULDBLOCK || errno == ENOENT;
  std::error_code problem;
  std::filesystem::remove_all(folder, problem);
  return !std::filesystem::exists(std::filesystem::symlink_status(folder, problem));
}

bool is_temporary_name(std::string_view name, std::string_view prefix) {
  constexpr std::size_t kChosen = 6;
  return name.size() == prefix.size() + kChosen && name.starts_with(prefix) &&
         std::ranges::all_of(name.substr(prefix.size()), [](char c) { return is_letter(c) || is_digit(c); });
}

}  // namespace anchord::store
