#include "anchord/wire/file_name.h"

#include <algorithm>
#include <cstring>

namespace anchord::wire {

std::optional<std::string_view> plain_file_name(std::string_view path, std::span<char> room) {
  std::size_t size = 0;
  for (;;) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    const bool is_last = end == path.size();
    const bool is_nothing = part.empty() || part == ".";
    if (part == ".." || (is_nothing && is_last)) return std::nullopt;
    path.remove_prefix(is_last ? end : end + 1);
    if (is_nothing) continue;
    const std::size_t slash = size > 0 ? 1 : 0;
    if (slash + part.size() > room.size() - size) return std::nullopt;
    if (slash > 0) room[size++] = '/';
    // What was written never reaches what is still to be read, but a part may move onto itself.
    std::memmove(room.data() + size, part.data(), part.size());
    size += part.size();
    if (is_last) return std::string_view(room.data(), size);
  }
}

}  // namespace anchord::wire
