#include "anchord/protocol/socket_path.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include "anchord/protocol/limits.h"

namespace anchord::protocol {

std::filesystem::path socket_path(const std::filesystem::path& state_directory) {
  return state_directory / kSocketName;
}

Result<sockaddr_un> socket_address(const std::filesystem::path& path) {
  sockaddr_un out{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string& text = path.native();
  if (text.size() >= sizeof(out.sun_path))
    return fail(
        fmt::format("the path '{}' is longer than a socket's may be ({} bytes): use a shorter --state", text,
                    sizeof(out.sun_path) - 1));
  text.copy(out.sun_path, sizeof(out.sun_path) - 1);
  return out;
}

}  // namespace anchord::protocol
