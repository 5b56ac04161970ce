#include "provisioning/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <memory>
#include <system_error>
#include <vector>

#include "anchord/base/trusted_folder.h"

namespace anchord::control {
namespace {

// More than the pauses of somebody who copies a file, and less than anybody waits for it.
constexpr std::int64_t kQuietNanos = 300'000'000;

std::string reason_of(int error) {
  if (error == EXDEV) return "is a link that leads out of the folder";
  if (error == ELOOP) return "is a link that leads nowhere";
  return fmt::format("cannot be read: {}", std::generic_category().message(error));
}

std::int64_t nanos(const timespec& t) {
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

FileStamp stamp_of(const struct stat& s) {
  return {.device = s.st_dev,
          .inode = s.st_ino,
          .size = static_cast<std::uint64_t>(s.st_size),
          .modified = nanos(s.st_mtim),
          .changed = nanos(s.st_ctim)};
}

// A read lease is given only while nobody has the file open for writing.
bool is_being_written(int file, const FileStamp& stamp) {
  if (::fcntl(file, F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(file, F_SETLEASE, F_UNLCK);
    return false;
  }
  if (errno == EAGAIN) return true;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return !is_quiet(stamp, nanos(now));
}

bool read_all(int file, Buffer& into) {
  std::size_t done = 0;
  while (done < into.size()) {
    ssize_t n = ::read(file, into.data() + done, into.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

// Writers can set the time of modification, and copiers do; not the other one. A time to
// come is of a clock that was set back since: the next write would have moved it.
bool is_quiet(const FileStamp& stamp, std::int64_t now) {
  return now < stamp.changed || now - stamp.changed >= kQuietNanos;
}

bool is_visible(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.back() != '~';
}

Result<Folder> Folder::open(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directory(path, error);  // the state directory is there
  auto above = TrustedFolder::open(path.parent_path());
  ANCHORD_TRY_ASSIGN(auto folder,
                     above ? above->folder(path.filename().string(), Sharing::group) : std::move(above));
  FileDescriptor root(::openat(folder.descriptor(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // To list it is one permission, and to look at what is in it another.
  if (!root || !open_below(root.get(), ".", O_PATH))
    return fail_errno(fmt::format("cannot open the folder '{}'", path.string()), errno);
  return Folder(path, std::move(root), folder.owner());
}

void Folder::walk(const Visitor& visitor) const {
  struct Pending {
    std::string name;
    unsigned depth;
  };
  std::vector<Pending> folders{{"", 0}};
  std::size_t seen = 0;
  while (!folders.empty()) {
    auto [folder, depth] = std::move(folders.back());
    folders.pop_back();
    visitor.enter(folder);
    FileDescriptor opened = open_below(root_.get(), folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    std::unique_ptr<DIR, int (*)(DIR*)> list(opened ? ::fdopendir(opened.get()) : nullptr, ::closedir);
    if (!list) {
      if (errno != ENOENT) visitor.problem(folder, reason_of(errno));
      continue;
    }
    const int at = opened.release();
    while (const dirent* entry = ::readdir(list.get())) {
      if (!is_visible(entry->d_name)) continue;
      std::string name = folder.empty() ? entry->d_name : folder + "/" + entry->d_name;
      struct stat found{};
      if (::fstatat(at, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;
        // A folder that may be listed and not entered: as much of a cause for all that is in it.
        visitor.problem(folder, reason_of(errno));
        break;
      }
      if (S_ISDIR(found.st_mode)) {
        if (depth == kMaxDepth) {
          visitor.problem(name, fmt::format("is more than {} folders deep", kMaxDepth));
        } else {
          folders.push_back({std::move(name), depth + 1});
        }
        continue;
      }
      if (++seen > kMaxFiles) {
        visitor.problem(name, fmt::format("is one file too many: the limit is {}", kMaxFiles));
        return;
      }
      if (S_ISLNK(found.st_mode)) {
        // A version of a link is a version of what it leads to; read() says what is wrong with one.
        if (FileDescriptor target = open_below(root_.get(), name, O_PATH); target)
          ::fstat(target.get(), &found);
      }
      visitor.see(std::move(name), stamp_of(found));
    }
  }
}

bool Folder::holds(const std::string& name) const {
  return static_cast<bool>(open_below(root_.get(), name, O_PATH | O_NOFOLLOW));
}

ReadFile Folder::read(const std::string& name, const SizeLimit& limit, const Admit& admit) const {
  ReadFile out;
  auto refuse = [&](std::string reason) {
    out.state = ReadFile::State::refused;
    out.reason = std::move(reason);
    return out;
  };
  // Not blocked by a pipe's missing other end.
  FileDescriptor file = open_below(root_.get(), name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat found{};
  if (!file) {
    int error = errno;
    if (error == ENOENT && ::fstatat(root_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0)
      error = ELOOP;
    if (error == ENOENT || error == ENOTDIR) return out;
    return refuse(reason_of(error));
  }
  if (::fstat(file.get(), &found) != 0) return refuse(reason_of(errno));
  out.stamp = stamp_of(found);
  if (S_ISDIR(found.st_mode)) {
    bool link =
        ::fstatat(root_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(found.st_mode);
    return link ? refuse("is a link to a folder") : out;
  }
  if (!S_ISREG(found.st_mode)) return refuse("is no ordinary file");
  if (is_link_of_another(found, owner_))
    return refuse(fmt::format("is another name (a hard link) of a file of {}: put a copy there",
                              user_text(found.st_uid)));
  if (out.stamp.size > limit.bytes)
    return refuse(fmt::format("has {} bytes; the limit is {} ({})", out.stamp.size, limit.bytes, limit.name));
  out.state = ReadFile::State::unfinished;
  if (is_being_written(file.get(), out.stamp)) return out;
  if (admit) {
    if (Status admitted = admit(out.stamp.size); !admitted) return refuse(admitted.error().text);
  }
  out.content.resize(out.stamp.size);
  bool read = read_all(file.get(), out.content);
  struct stat after{};
  if (::fstat(file.get(), &after) != 0 || stamp_of(after) != out.stamp) return out;
  if (!read) return refuse("cannot be read to its end");
  out.state = ReadFile::State::whole;
  return out;
}

}  // namespace anchord::control
