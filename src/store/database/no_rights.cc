#include "database/no_rights.h"

#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

namespace anchord::store {

std::string name_of_user(unsigned user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> room;
  if (::getpwuid_r(user, &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return std::to_string(user);
}

std::unexpected<Error> fail_at(std::string_view what, int reason, const std::filesystem::path& where) {
  auto failed = fail_errno(what, reason);
  struct stat info{};
  if (reason == EROFS) {
    failed.error().text += ": its file system is read-only, name another place";
  } else if (reason != EACCES && reason != EPERM) {
    return failed;
  } else if (::stat(where.c_str(), &info) != 0) {
    failed.error().text += ": run it as its owner, or as root";
  } else if (info.st_uid == 0) {
    failed.error().text += fmt::format(": '{}' is root's, run it as root", where.string());
  } else {
    failed.error().text +=
        fmt::format(": run it as {}, who owns '{}', or as root", name_of_user(info.st_uid), where.string());
  }
  return failed;
}

}  // namespace anchord::store
