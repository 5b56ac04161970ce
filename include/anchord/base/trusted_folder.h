// Folders that nobody else can put others in the place of: the state directory and what is in it.
//
// A path is followed once, from the top, and every step by the descriptor of the one before.
// Refused is what somebody else could turn: a folder on the way that others may write to (but
// for sticky ones, as /tmp), or that belongs neither to root nor to this process's user; a
// symbolic link of anybody else. What was checked is what is open.
//
// Root may work on the directory of another user, who then counts as its owner: folders above
// and what is in it may be that user's, links may not.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"

namespace anchord {

// Says who may write to a folder beside its owner.
enum class Sharing { nobody, group };

class TrustedFolder {
 public:
  // Errors begin with the path that is wrong, and end with the remedy.
  static Result<TrustedFolder> open(const std::filesystem::path& path, Sharing sharing = Sharing::nobody);

  // Checks the folders above `path`, whether `path` itself is there or not.
  static Status check_above(const std::filesystem::path& path);

  // A folder in this one; it may be a link of root's or of this process's user.
  Result<TrustedFolder> folder(const std::string& name, Sharing sharing = Sharing::nobody) const;

  // A regular file in this folder, or below it, to which no link leads from elsewhere; see
  // check_file(). `flags` as open(2).
  Result<FileDescriptor> file(const std::string& name, int flags) const;
  // Reads the whole file; fails when it has more than `limit` bytes.
  Result<Buffer> read(const std::string& name, std::size_t limit) const;

  // Checks that `name` itself is a regular file, or not there.
  Status check_entry(const std::string& name) const;

  int descriptor() const { return at_.get(); }
  const std::filesystem::path& path() const { return path_; }  // as it was given
  const std::filesystem::path& real() const { return real_; }  // absolute, without links
  uid_t owner() const { return owner_; }
  gid_t group() const { return group_; }

 private:
  TrustedFolder() = default;
  Status check_file(const struct stat& info, const std::string& name) const;
  FileDescriptor at_;
  std::filesystem::path path_;
  std::filesystem::path real_;
  uid_t owner_ = 0;
  gid_t group_ = 0;
  uid_t also_ = 0;  // the state's owner: as good as this process's user for what is in it
};

// Opens `name` (empty: the folder itself) without being led out of `folder`: fails with EXDEV
// where a link leads elsewhere.
FileDescriptor open_below(int folder, const std::string& name, int flags);

// Whether a file has another name that somebody else may have made: whoever may not read a file
// could give it a name in a folder that is served. `owner`: of the folder.
bool is_link_of_another(const struct stat& info, uid_t owner);

// "'anchord'", or "uid 998" of one that has no name.
std::string user_text(uid_t user);

}  // namespace anchord
