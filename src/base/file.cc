#include "anchord/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "anchord/base/file_descriptor.h"

namespace anchord {
namespace {

constexpr std::string_view kAside = ".new-";

// As much as files of the kernel's own say that they hold, at most.
constexpr std::size_t kPage = 4096;

}  // namespace

int write_all(int file, Bytes content) {
  while (!content.empty()) {
    ssize_t n = ::write(file, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

ssize_t read_fully(int file, MutableBytes room) {
  std::size_t filled = 0;
  while (filled < room.size()) {
    ssize_t n = ::read(file, room.data() + filled, room.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(filled);
}

void sync_folder(const std::filesystem::path& folder) {
  FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
}

std::string quoted(const std::string& path) {
  return quoted(std::filesystem::path(path));
}

std::string quoted(const std::filesystem::path& path) {
  std::string out = "'";
  out += path.native();
  out += '\'';
  return out;
}

Result<Buffer> read_file(const std::filesystem::path& path, std::size_t limit) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail_errno("cannot open " + quoted(path), errno);
  return read_descriptor(file.get(), path, limit);
}

Result<Buffer> read_descriptor(int file, const std::filesystem::path& path, std::size_t limit) {
  struct stat info{};
  if (::fstat(file, &info) != 0) return fail_errno("cannot stat " + quoted(path), errno);
  if (S_ISDIR(info.st_mode)) return fail("cannot read " + quoted(path) + ": it is a folder");
  auto too_large = [&] {
    return fail("cannot read " + quoted(path) + ": it holds more than " + std::to_string(limit) + " bytes");
  };
  // What has no blocks may be the kernel's own, as in /sys, which says more than there is; or it is all
  // a hole, and as long as it says.
  const std::size_t said = S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) : 0;
  const std::size_t size = info.st_blocks > 0 || said > kPage ? said : 0;
  if (size > limit) return too_large();
  // Read to the end rather than trust the size: pipes have none, and a file may grow. What is known is
  // taken at once: memory that grows by and by is there twice.
  constexpr std::size_t kPiece = 64 * 1024;
  Buffer out;
  if (size > 0) out.reserve(size + kPiece);
  std::size_t filled = 0;
  for (;;) {
    out.resize(filled + kPiece);
    ssize_t n = ::read(file, out.data() + filled, out.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + quoted(path), errno);
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
    if (filled > limit) return too_large();
  }
  out.resize(filled);
  return out;
}

Status write_file(const std::filesystem::path& path, Bytes content, unsigned mode) {
  // Root could put a file in the place of a device.
  struct stat there{};
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return fail("cannot write " + quoted(path) + ": it is no ordinary file; name another place");
  std::string aside = path.string() + std::string(kAside) + "XXXXXX";
  FileDescriptor file(::mkostemp(aside.data(), O_CLOEXEC));
  if (!file) return fail_errno("cannot create a file beside " + quoted(path), errno);
  int problem = ::fchmod(file.get(), mode) == 0 ? write_all(file.get(), content) : errno;
  if (problem == 0 && ::fsync(file.get()) != 0) problem = errno;
  if (problem == 0 && ::rename(aside.c_str(), path.c_str()) != 0) problem = errno;
  if (problem != 0) {
    ::unlink(aside.c_str());
    return fail_errno("cannot write " + quoted(path), problem);
  }
  // The rename itself must survive a power cut.
  sync_folder(path.parent_path().empty() ? "." : path.parent_path());
  return {};
}

bool is_written_aside(std::string_view name) {
  constexpr std::size_t kChosen = 6;
  return name.size() > kAside.size() + kChosen &&
         name.substr(name.size() - kChosen - kAside.size(), kAside.size()) == kAside;
}

}  // namespace anchord
