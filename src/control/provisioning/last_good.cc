#include "provisioning/last_good.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "anchord/base/file.h"
#include "anchord/base/log.h"

namespace anchord::control {
namespace {

constexpr unsigned kFolderMode = 0700;
constexpr unsigned kFileMode = 0600;

Status make_folder(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), kFolderMode) == 0 || errno == EEXIST) return {};
  return fail_errno(fmt::format("cannot make the folder '{}'", path.string()), errno);
}

}  // namespace

LastGood::LastGood(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  std::vector<std::filesystem::path> left;  // parts of copies, by a service that was killed
  for (std::filesystem::recursive_directory_iterator file(folder_, error), end; !error && file != end;
       file.increment(error)) {
    std::error_code gone;
    if (!file->is_regular_file(gone) || file->is_symlink(gone)) continue;
    if (is_written_aside(file->path().filename().string())) {
      left.push_back(file->path());
    } else {
      names_.insert(file->path().lexically_relative(folder_).string());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory)
    log::warn(fmt::format("cannot look into '{}': {}; what it holds of broken files is not served",
                          folder_.string(), error.message()));
  for (const std::filesystem::path& part : left) std::filesystem::remove(part, error);
}

Result<Buffer> LastGood::read(const std::string& name, std::uint64_t max_size) const {
  return read_file(folder_ / name, max_size);
}

std::uint64_t LastGood::size(const std::string& name) const {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(folder_ / name, error);
  return error ? 0 : size;
}

Status LastGood::keep(const std::string& name, Bytes content) {
  Status made = make_folder(folder_);
  for (std::size_t slash = name.find('/'); made && slash != std::string::npos;
       slash = name.find('/', slash + 1))
    made = make_folder(folder_ / name.substr(0, slash));
  if (made) made = write_file(folder_ / name, content, kFileMode);
  if (made) names_.insert(name);
  return made;
}

Status LastGood::forget(const std::string& name) {
  if (names_.erase(name) == 0) return {};
  const std::filesystem::path file = folder_ / name;
  if (::unlink(file.c_str()) != 0 && errno != ENOENT)
    return fail_errno(fmt::format("cannot remove '{}'", file.string()), errno);
  // Up to the first folder that holds something else.
  for (std::filesystem::path at = file.parent_path(); at != folder_; at = at.parent_path())
    if (::rmdir(at.c_str()) != 0) return {};
  ::rmdir(folder_.c_str());
  return {};
}

}  // namespace anchord::control
