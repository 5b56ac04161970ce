// A folder that is there as long as the command that made it.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"

namespace anchord::store {

// Locked (flock) while it is in use: one that nobody holds was left by a command that was killed.
class TemporaryFolder {
 public:
  // `pattern` ends in XXXXXX. Mode 0700.
  static Result<TemporaryFolder> make(const std::filesystem::path& pattern);
  TemporaryFolder(TemporaryFolder&&) = default;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }
  void moved_to(std::filesystem::path path) { path_ = std::move(path); }
  void keep() { path_.clear(); }

 private:
  TemporaryFolder(std::filesystem::path path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  FileDescriptor lock_;
};

// How they are called, before the six characters: of restores, beside the state directory (behind
// its name) and in it; copies of the store for backups; what a backup or a read-only state holds.
constexpr std::string_view kBesidePrefix = ".restoring-";
constexpr std::string_view kInsidePrefix = ".restoring-";
constexpr std::string_view kCopyPrefix = ".backup-";
constexpr std::string_view kVerifyPrefix = "anchord-verify-";
constexpr std::string_view kReadPrefix = "anchord-read-";

// Removes such a folder with what is in it if nobody holds it. False when it is still there, and
// held by nobody.
bool remove_if_left(const std::filesystem::path& folder);

// Whether a name is `prefix` and the six characters that mkdtemp() and mkstemp() choose.
bool is_temporary_name(std::string_view name, std::string_view prefix);

}  // namespace anchord::store
