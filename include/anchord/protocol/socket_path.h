// Where the control socket is.
#pragma once

#include <sys/un.h>

#include <filesystem>

#include "anchord/base/error.h"

namespace anchord::protocol {

std::filesystem::path socket_path(const std::filesystem::path& state_directory);

// As bind() and connect() take it. Fails when it is longer than a socket's path may be.
Result<sockaddr_un> socket_address(const std::filesystem::path& path);

}  // namespace anchord::protocol
