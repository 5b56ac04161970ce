#include "process/privileges.h"

#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>

namespace anchord::control {
namespace {

Result<const passwd*> find_user(const std::string& name) {
  errno = 0;
  if (const passwd* entry = ::getpwnam(name.c_str())) return entry;
  return fail(
      fmt::format("there is no user '{}': look at --user, or make the user with 'useradd --system'", name));
}

}  // namespace

Status check_user(const std::string& name) {
  if (name.empty()) return {};
  ANCHORD_TRY(find_user(name));
  return {};
}

Status drop_privileges(const std::string& name) {
  if (name.empty()) return {};
  ANCHORD_TRY_ASSIGN(auto entry, find_user(name));
  if (::initgroups(name.c_str(), entry->pw_gid) == 0 && ::setgid(entry->pw_gid) == 0 &&
      ::setuid(entry->pw_uid) == 0)
    return {};
  const int reason = errno;
  Status failed = fail_errno(fmt::format("cannot drop privileges to user '{}'", name), reason);
  if (reason == EPERM) failed.error().text += ": only root can; start as that user, without --user";
  return failed;
}

}  // namespace anchord::control
