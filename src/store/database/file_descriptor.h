// What is done with file descriptors again and again.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "anchord/base/bytes.h"
#include "anchord/base/file_descriptor.h"

namespace anchord::store {

// 0, or what errno said.
inline int write_fully(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

// How many bytes there were until the end of the file, or -1 and errno.
inline ssize_t read_fully(int fd, MutableBytes room) {
  std::size_t filled = 0;
  while (filled < room.size()) {
    ssize_t n = ::read(fd, room.data() + filled, room.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(filled);
}

// New names must survive a power cut. There is nothing to be done where it fails.
inline void sync_folder(const std::filesystem::path& folder) {
  FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

}  // namespace anchord::store
