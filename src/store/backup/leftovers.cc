#include "anchord/store/leftovers.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <system_error>

#include "database/state_folder.h"
#include "database/temporary_folder.h"

namespace anchord::store {
namespace {

// `owner`: whose folders are looked at; other people's are theirs.
void remove_in(const std::filesystem::path& folder, std::string_view prefix, uid_t owner,
               std::vector<std::filesystem::path>& left) {
  std::error_code problem;
  for (std::filesystem::directory_iterator at(folder, problem), end; !problem && at != end;
       at.increment(problem)) {
    struct stat info{};
    if (!is_temporary_name(at->path().filename().string(), prefix)) continue;
    if (::lstat(at->path().c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    if (info.st_uid != owner && info.st_uid != ::geteuid() && info.st_uid != 0) continue;
    if (!remove_if_left(at->path())) left.push_back(at->path());
  }
}

}  // namespace

std::vector<std::filesystem::path> remove_leftovers(const std::filesystem::path& state) {
  std::vector<std::filesystem::path> left;
  std::error_code problem;
  std::filesystem::path real = std::filesystem::weakly_canonical(std::filesystem::absolute(state), problem);
  if (!real.has_filename()) real = real.parent_path();
  struct stat info{};
  const uid_t owner = ::stat(real.c_str(), &info) == 0 ? info.st_uid : ::geteuid();
  remove_in(real.parent_path(), real.filename().string() + std::string(kBesidePrefix), owner, left);
  remove_in(real, kCopyPrefix, owner, left);
  // Without a database it is a restore that was cut short: the next one says what to do.
  if (std::filesystem::exists(real / kDatabaseName, problem)) remove_in(real, kInsidePrefix, owner, left);
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(problem);
  if (problem) return left;
  for (std::string_view prefix : {kVerifyPrefix, kReadPrefix})
    remove_in(temporary, prefix, ::geteuid(), left);
  return left;
}

}  // namespace anchord::store
