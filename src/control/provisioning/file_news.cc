#include "provisioning/file_news.h"

#include <fmt/core.h>

#include <utility>

namespace anchord::control {

void FileNews::Files::add(std::string_view file) {
  if (count < kNamed) first.at(count) = file;
  ++count;
}

std::string FileNews::Files::text() const {
  std::string out;
  for (std::size_t i = 0; i < std::min(count, kNamed); ++i)
    out += fmt::format("{}'{}'", i == 0 ? "" : ", ", first.at(i));
  if (count > kNamed) out += fmt::format(" and {} more", count - kNamed);
  return out;
}

void FileNews::odd(std::string_view file, const std::string& reason) {
  auto cause = odd_.find(reason);
  if (cause == odd_.end() && odd_.size() == kMaxCauses) {
    ++others_;
    return;
  }
  if (cause != odd_.end()) return cause->second.add(file);
  Files files;  // so that there is no cause without files, should there be no memory
  files.add(file);
  odd_.emplace(reason, std::move(files));
}

std::vector<FileNews::Line> FileNews::take() {
  std::vector<Line> out;
  for (const auto& [reason, files] : odd_) {
    out.push_back({.is_warning = true,
                   .text = files.count == 1
                               ? fmt::format("{} {}", files.text(), reason)
                               : fmt::format("{} files ({}): {}", files.count, files.text(), reason)});
  }
  if (others_ > 0)
    out.push_back({.is_warning = true,
                   .text = fmt::format("{} more files for other reasons: see 'anchorctl status'", others_)});
  if (good_.count == 1) out.push_back({.text = good_.text() + " is good now, or gone"});
  if (good_.count > 1)
    out.push_back({.text = fmt::format("{} files ({}) are good now, or gone", good_.count, good_.text())});
  std::string changes;
  for (auto [what, files] : {std::pair("new", &added_), {"changed", &changed_}, {"gone", &gone_}})
    if (files->count > 0) changes += fmt::format("{}{} {}", changes.empty() ? "" : "; ", what, files->text());
  if (!changes.empty()) out.push_back({.text = "files: " + changes});
  *this = {};
  return out;
}

}  // namespace anchord::control
