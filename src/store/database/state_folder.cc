#include "database/state_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace anchord::store {
namespace {

struct Inner {
  const char* name;
  Sharing sharing;
};
// What lies in the last two is written by whoever is to provision phones.
constexpr std::array kFolders{Inner{"keys", Sharing::nobody},        Inner{"journal", Sharing::nobody},
                              Inner{"last-good", Sharing::nobody},   Inner{"cluster", Sharing::nobody},
                              Inner{"provisioning", Sharing::group}, Inner{"devices", Sharing::group}};

}  // namespace

Result<TrustedFolder> open_state(const std::filesystem::path& directory) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) {
    if (errno == ENOENT)
      return fail(fmt::format("there is no state directory '{}': run 'anchorctl init' to make a cluster",
                              directory.string()));
    return fail_errno(fmt::format("cannot read the state directory '{}'", directory.string()), errno);
  }
  if (!S_ISDIR(info.st_mode))
    return fail(fmt::format("the state directory '{}' is not a directory", directory.string()));
  ANCHORD_TRY_ASSIGN(auto state, TrustedFolder::open(directory));
  if (::faccessat(state.descriptor(), ".", X_OK, AT_EACCESS) != 0)
    return fail_errno(fmt::format("cannot open '{}' (run as the owner of the state directory)",
                                  (directory / kDatabaseName).string()),
                      errno);
  for (const Inner& inner : kFolders) {
    // What is no folder leads nowhere: whoever needs one there says that it is none.
    if (::fstatat(state.descriptor(), inner.name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        (!S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode)))
      continue;
    ANCHORD_TRY(state.folder(inner.name, inner.sharing));
  }
  for (const char* suffix : {"", "-wal", "-shm"})
    ANCHORD_TRY(state.check_entry(std::string(kDatabaseName) + suffix));
  return state;
}

std::filesystem::path key_folder(const std::filesystem::path& directory) {
  return directory / "keys";
}

Status give_to_owner(const std::filesystem::path& file, const std::filesystem::path& model) {
  if (::geteuid() != 0) return {};
  struct stat owner{};
  if (::stat(model.c_str(), &owner) != 0 || ::chown(file.c_str(), owner.st_uid, owner.st_gid) != 0)
    return fail_errno(fmt::format("cannot give '{}' to the owner of '{}'", file.string(), model.string()),
                      errno);
  return {};
}

Result<TrustedFolder> open_keys(const std::filesystem::path& directory) {
  ANCHORD_TRY_ASSIGN(auto state, TrustedFolder::open(directory));
  return state.folder(key_folder({}).string());
}

}  // namespace anchord::store
