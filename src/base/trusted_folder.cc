#include "anchord/base/trusted_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "anchord/base/file.h"

namespace anchord {
namespace {

// As the kernel's own.
constexpr unsigned kMaxLinks = 40;

bool is_ours(uid_t user) {
  return user == 0 || user == ::geteuid();
}

// In a user namespace that does not know all users, those of outside all look like one. The
// machine's own folders above ours are then that one's.
bool is_of_outside(uid_t user) {
  static const std::optional<uid_t> outside = []() -> std::optional<uid_t> {
    std::ifstream map("/proc/self/uid_map"), overflow("/proc/sys/kernel/overflowuid");
    std::uint64_t inside = 0, from = 0, count = 0;
    uid_t id = 0;
    if (!(map >> inside >> from >> count) || !(overflow >> id) || count == 0xffffffff) return {};
    return id;
  }();
  return user == outside;
}

// Root's group, and one that is this user's alone.
bool is_own_group(gid_t group) {
  return group == 0 || (group == ::getegid() && group == ::geteuid());
}

bool others_may_write(const struct stat& info, Sharing sharing) {
  if ((info.st_mode & S_IWOTH) != 0) return true;
  return sharing == Sharing::nobody && (info.st_mode & S_IWGRP) != 0 && !is_own_group(info.st_gid);
}

std::string mode_text(const struct stat& info) {
  return fmt::format("mode {:04o}", info.st_mode & 07777);
}

std::unexpected<Error> is_writable(const std::filesystem::path& path, const struct stat& info,
                                   Sharing sharing) {
  return fail(fmt::format("{0} can be written to by other users ({1}): run \"chmod {2}-w {0}\"", quoted(path),
                          mode_text(info), sharing == Sharing::group ? "o" : "go"));
}

// One way through the folders.
class Walk {
 public:
  struct ForeignOwner {
    std::filesystem::path path;
    uid_t owner;
  };

  static Result<Walk> from_top() {
    Walk out;
    out.at_ = FileDescriptor(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    out.real_ = "/";
    if (!out.at_ || ::fstat(out.at_.get(), &out.info_) != 0) return fail_errno("cannot look at '/'", errno);
    return out;
  }
  static Result<Walk> from(int folder, std::filesystem::path real) {
    Walk out;
    out.at_ = FileDescriptor(::openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    out.real_ = std::move(real);
    if (!out.at_ || ::fstat(out.at_.get(), &out.info_) != 0)
      return fail_errno("cannot look at " + quoted(out.real_), errno);
    return out;
  }

  Status go(const std::filesystem::path& path) {
    std::deque<std::string> steps;
    for (const auto& part : path.relative_path()) steps.push_back(part.string());
    while (!steps.empty()) {
      std::string step = std::move(steps.front());
      steps.pop_front();
      if (step.empty() || step == ".") continue;
      ANCHORD_TRY(check_above());
      ANCHORD_TRY(take(step, steps));
    }
    return {};
  }

  FileDescriptor& at() { return at_; }
  const std::filesystem::path& real() const { return real_; }
  const struct stat& info() const { return info_; }
  const std::vector<ForeignOwner>& foreign_owners() const { return foreign_owners_; }

  // That nobody else can put another in the place of what is in the folder that was reached.
  Status check_above() {
    if (others_may_write(info_, Sharing::nobody) && (info_.st_mode & S_ISVTX) == 0)
      return is_writable(real_, info_, Sharing::nobody);
    if (!is_ours(info_.st_uid) && !is_of_outside(info_.st_uid))
      foreign_owners_.push_back({real_, info_.st_uid});
    return {};
  }

 private:
  Status take(const std::string& step, std::deque<std::string>& steps) {
    const std::filesystem::path path = real_ / step;
    FileDescriptor next(::openat(at_.get(), step.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info{};
    if (!next || ::fstat(next.get(), &info) != 0) return fail_errno("cannot look at " + quoted(path), errno);
    if (S_ISLNK(info.st_mode)) return follow(next.get(), info, path, steps);
    if (!S_ISDIR(info.st_mode)) return fail(quoted(path) + " is not a directory");
    at_ = std::move(next);
    info_ = info;
    real_ = step == ".." ? real_.parent_path() : path;
    return {};
  }

  Status follow(int link, const struct stat& info, const std::filesystem::path& path,
                std::deque<std::string>& steps) {
    if (!is_ours(info.st_uid))
      return fail(
          fmt::format("{} is a link that belongs to {}, who can turn it to anything: name the folder "
                      "that is meant, or give the link to root",
                      quoted(path), user_text(info.st_uid)));
    std::array<char, PATH_MAX> room;
    const ssize_t size = ::readlinkat(link, "", room.data(), room.size());
    if (size < 0) return fail_errno("cannot read the link " + quoted(path), errno);
    if (++links_ > kMaxLinks) return fail(quoted(path) + " is a link that leads nowhere");
    const std::filesystem::path target(std::string(room.data(), static_cast<std::size_t>(size)));
    std::deque<std::string> first;
    for (const auto& part : target.relative_path()) first.push_back(part.string());
    steps.insert(steps.begin(), first.begin(), first.end());
    if (!target.is_absolute()) return {};
    ANCHORD_TRY_ASSIGN(auto top, from_top());
    at_ = std::move(top.at_);
    info_ = top.info_;
    real_ = "/";
    return {};
  }

  FileDescriptor at_;
  std::filesystem::path real_;
  struct stat info_{};
  std::vector<ForeignOwner> foreign_owners_;
  unsigned links_ = 0;
};

Status check_foreign_owners(const Walk& walk, std::optional<uid_t> owner) {
  for (const Walk::ForeignOwner& foreign : walk.foreign_owners())
    if (foreign.owner != owner)
      return fail(
          fmt::format("{0} belongs to {1}, who can put anything in the place of what is in it: give it "
                      "to root (\"chown root {0}\"), or use a directory elsewhere",
                      quoted(foreign.path), user_text(foreign.owner)));
  return {};
}

// Absolute as it is now: a path below the working directory is checked from the top as well.
Result<std::filesystem::path> from_top(const std::filesystem::path& path) {
  std::error_code problem;
  std::filesystem::path out = std::filesystem::absolute(path, problem);
  if (problem || path.empty()) return fail(quoted(path) + " is no path of a folder");
  return out;
}

}  // namespace

std::string user_text(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> room;
  if (::getpwuid_r(user, &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    return fmt::format("'{}'", found->pw_name);
  return fmt::format("uid {}", user);
}

bool is_link_of_another(const struct stat& info, uid_t owner) {
  return info.st_nlink > 1 && info.st_uid != owner && info.st_uid != ::geteuid();
}

Result<TrustedFolder> TrustedFolder::open(const std::filesystem::path& path, Sharing sharing) {
  ANCHORD_TRY_ASSIGN(auto whole, from_top(path));
  ANCHORD_TRY_ASSIGN(auto walk, Walk::from_top());
  ANCHORD_TRY(walk.go(whole));
  const struct stat& info = walk.info();
  // Root works for whom the directory belongs to.
  const bool theirs = ::geteuid() == 0;
  if (!is_ours(info.st_uid) && !theirs)
    return fail(fmt::format("{} belongs to {}: run as that user", quoted(path), user_text(info.st_uid)));
  ANCHORD_TRY(check_foreign_owners(walk, theirs ? std::optional(info.st_uid) : std::nullopt));
  if (others_may_write(info, sharing)) return is_writable(path, info, sharing);
  TrustedFolder out;
  out.at_ = std::move(walk.at());
  out.path_ = path;
  out.real_ = walk.real();
  out.owner_ = out.also_ = info.st_uid;
  out.group_ = info.st_gid;
  return out;
}

Status TrustedFolder::check_above(const std::filesystem::path& path) {
  ANCHORD_TRY_ASSIGN(auto whole, from_top(path));
  if (!whole.has_filename()) whole = whole.parent_path();
  ANCHORD_TRY_ASSIGN(auto walk, Walk::from_top());
  ANCHORD_TRY(walk.go(whole.parent_path()));
  ANCHORD_TRY(walk.check_above());
  return check_foreign_owners(walk, std::nullopt);
}

Result<TrustedFolder> TrustedFolder::folder(const std::string& name, Sharing sharing) const {
  ANCHORD_TRY_ASSIGN(auto walk, Walk::from(at_.get(), real_));
  ANCHORD_TRY(walk.go(name));
  const struct stat& info = walk.info();
  const std::filesystem::path path = path_ / name;
  if (!is_ours(info.st_uid) && info.st_uid != also_)
    return fail(
        fmt::format("{0} belongs to {1}: give it to the state directory's owner (\"chown {2} {0}\"){3}",
                    quoted(path), user_text(info.st_uid), user_text(also_),
                    sharing == Sharing::group ? ", and to a group those who are to write there" : ""));
  ANCHORD_TRY(check_foreign_owners(walk, also_));
  if (others_may_write(info, sharing)) return is_writable(path, info, sharing);
  TrustedFolder out;
  out.at_ = std::move(walk.at());
  out.path_ = path;
  out.real_ = walk.real();
  out.owner_ = info.st_uid;
  out.group_ = info.st_gid;
  out.also_ = also_;
  return out;
}

Status TrustedFolder::check_file(const struct stat& info, const std::string& name) const {
  const std::filesystem::path path = path_ / name;
  if (S_ISLNK(info.st_mode)) return fail(quoted(path) + " is a link: put the file itself there");
  if (!S_ISREG(info.st_mode)) return fail(quoted(path) + " is not a file");
  if (is_link_of_another(info, also_))
    return fail(fmt::format("{} is another name (a hard link) of a file of {}: put a copy there",
                            quoted(path), user_text(info.st_uid)));
  return {};
}

Result<FileDescriptor> TrustedFolder::file(const std::string& name, int flags) const {
  // Not blocked by a pipe's missing other end.
  FileDescriptor out = open_below(at_.get(), name, flags | O_NONBLOCK | O_NOCTTY);
  struct stat info{};
  if (!out && errno == EXDEV)
    return fail(quoted(path_ / name) + " is a link that leads out of the folder: put the file itself there");
  if (!out || ::fstat(out.get(), &info) != 0) return fail_errno("cannot open " + quoted(path_ / name), errno);
  ANCHORD_TRY(check_file(info, name));
  return out;
}

Result<Buffer> TrustedFolder::read(const std::string& name, std::size_t limit) const {
  ANCHORD_TRY_ASSIGN(auto opened, file(name, O_RDONLY));
  return read_descriptor(opened.get(), path_ / name, limit);
}

Status TrustedFolder::check_entry(const std::string& name) const {
  struct stat info{};
  if (::fstatat(at_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return check_file(info, name);
  if (errno == ENOENT) return {};
  return fail_errno("cannot look at " + quoted(path_ / name), errno);
}

}  // namespace anchord
