// The status page's files, as src/control/admin/page/ has them: built into the program.
#pragma once

#include <span>
#include <string_view>

namespace anchord::control {

struct PageFile {
  std::string_view path;  // "/page.css"; index.html is "/"
  std::string_view type;
  std::string_view content;
};

std::span<const PageFile> page_files();

}  // namespace anchord::control
