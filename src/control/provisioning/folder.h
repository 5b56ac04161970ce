// A folder of files that other people write, read without being led out of it and
// without taking a file that is not finished.
//
// Names are relative to the folder, with "/" between their parts. What begins with a
// dot or ends with "~" is somebody's temporary file and does not exist here. Links
// are followed inside of the folder only, and to files only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"

namespace anchord::control {

// Tells versions of a file apart without reading it. Times in nanoseconds.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;
  std::int64_t changed = 0;
  bool operator==(const FileStamp&) const = default;
};

// Nobody has written the file, nor made or renamed it, for so long that it is taken where
// the kernel does not say whether somebody still writes. Time in nanoseconds since 1970.
bool is_quiet(const FileStamp& stamp, std::int64_t now);

// Of one file, in bytes; `name` tells people which limit it is.
struct SizeLimit {
  std::uint64_t bytes = 0;
  std::string_view name;
};

struct ReadFile {
  enum class State : std::uint8_t {
    whole,
    missing,
    unfinished,  // somebody has it open for writing, or wrote while it was read
    refused      // `reason` says why, without the name
  };
  State state = State::missing;
  Buffer content;
  FileStamp stamp;
  std::string reason;
};

class Folder {
 public:
  // Folders below folders: stops a loop of mounts.
  static constexpr unsigned kMaxDepth = 16;
  // In all. Phones, four files each, of the largest cluster there is.
  static constexpr std::size_t kMaxFiles = 1'000'000;

  // Makes the folder when there is none. The folder and what is above it must be trusted
  // (TrustedFolder), but a group may write to it.
  static Result<Folder> open(const std::filesystem::path& path);

  // Every file below: `see(name, stamp)`; and each folder before what is in it, ""
  // first: `enter(name)`. What cannot be looked into goes to `problem(name, reason)`.
  struct Visitor {
    std::function<void(const std::string& folder)> enter;
    std::function<void(std::string name, const FileStamp& stamp)> see;
    std::function<void(const std::string& name, std::string reason)> problem;
  };
  void walk(const Visitor& visitor) const;

  // Whether there is something of that name, whatever it is.
  bool holds(const std::string& name) const;

  // Before anything of the file is taken into memory: whether so many bytes may be. The error is the
  // reason why they may not.
  using Admit = std::function<Status(std::uint64_t bytes)>;

  // A file is taken for as large as it says: of a sparse one nothing is read to find out.
  ReadFile read(const std::string& name, const SizeLimit& limit, const Admit& admit = {}) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  Folder(std::filesystem::path path, FileDescriptor root, uid_t owner)
      : path_(std::move(path)), root_(std::move(root)), owner_(owner) {}

  std::filesystem::path path_;
  FileDescriptor root_;
  uid_t owner_;
};

// Whether a name, or a part of one, is of a file that is to be looked at.
bool is_visible(std::string_view name);

}  // namespace anchord::control
