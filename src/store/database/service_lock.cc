#include "anchord/store/service_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "anchord/base/file.h"
#include "database/open_database.h"
#include "database/state_folder.h"

namespace anchord::store {
namespace {

constexpr char kLockName[] = "service.lock";
// Its holder may end between the two questions that are put to the kernel.
constexpr int kLockTries = 10;

// The classic lock of a process: it is not inherited, and F_GETLK names its holder. It ends
// when the process closes any descriptor of the file, so nothing else in the service opens it.
struct flock whole_file() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::optional<pid_t> holder(int file) {
  struct flock lock = whole_file();
  if (::fcntl(file, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

constexpr int kOpening = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

std::unexpected<Error> cannot_open(const std::filesystem::path& path, int reason) {
  return fail_errno(fmt::format("cannot open {} (run as the owner of the state directory)", quoted(path)),
                    reason);
}

// Root makes it before it becomes the user whose state it is.
void give_lock_to_owner(int file, const TrustedFolder& state) {
  if (::geteuid() == 0) [[maybe_unused]]
    int ignored = ::fchown(file, state.owner(), state.group());
}

}  // namespace

Result<ServiceLock> ServiceLock::take(const std::filesystem::path& state) {
  const std::filesystem::path path = state / kLockName;
  std::error_code ignored;
  if (!std::filesystem::exists(state / kDatabaseName, ignored)) ANCHORD_TRY(open_database(state));
  ANCHORD_TRY_ASSIGN(auto folder, open_state(state));
  ANCHORD_TRY(folder.check_entry(kLockName));
  FileDescriptor file(::openat(folder.descriptor(), kLockName, kOpening | O_CREAT, 0600));
  if (!file && errno == EROFS)
    return fail(
        fmt::format("the state directory {} is on a read-only file system, and the service keeps its "
                    "ledger there: mount it so that it can be written to",
                    quoted(state)));
  if (!file) return cannot_open(path, errno);
  give_lock_to_owner(file.get(), folder);
  for (int attempt = 0; attempt < kLockTries; ++attempt) {
    struct flock lock = whole_file();
    if (::fcntl(file.get(), F_SETLK, &lock) == 0) return ServiceLock(std::move(file));
    if (errno != EACCES && errno != EAGAIN) return fail_errno("cannot lock " + quoted(path), errno);
    if (auto pid = holder(file.get()))
      return fail(fmt::format("another anchord (pid {}) serves from {}: end it first", *pid, quoted(state)));
  }
  return fail(fmt::format("cannot lock {}: other processes take it again and again", quoted(path)));
}

Status ServiceLock::may_take(const std::filesystem::path& state) {
  const std::filesystem::path path = state / kLockName;
  FileDescriptor file(::open(path.c_str(), kOpening));
  if (file) return {};
  if (errno != ENOENT) return cannot_open(path, errno);
  return ::access(state.c_str(), W_OK | X_OK) == 0 ? Status() : cannot_open(path, errno);
}

Status check_service_user(const std::filesystem::path& state, const std::string& user) {
  struct stat info{};
  if (::geteuid() != 0 || ::stat(state.c_str(), &info) != 0) return {};  // what opens it says more
  const passwd* entry = user.empty() ? nullptr : ::getpwnam(user.c_str());
  if (!user.empty() && (entry == nullptr || entry->pw_uid == info.st_uid))
    return {};  // none: drop_privileges() says it
  if (user.empty() && info.st_uid == 0) return {};
  const std::string owner = user_text(info.st_uid);
  return fail(
      fmt::format("the state directory {} belongs to {}, and the service would run as {}: start it as "
                  "that user, or as root with --user {}",
                  quoted(state), owner, user.empty() ? "root" : "'" + user + "'", owner));
}

std::optional<pid_t> service_of(const std::filesystem::path& state) {
  FileDescriptor file(
      ::open((state / kLockName).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  return file ? holder(file.get()) : std::nullopt;
}

}  // namespace anchord::store
