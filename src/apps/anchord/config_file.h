// The configuration file (TOML), looked at setting by setting, so that what is wrong in it is
// told with its line.
#pragma once

#include <string>
#include <vector>

#include "anchord/base/error.h"

namespace anchord::app {

struct ConfigCheck {
  std::size_t settings = 0;
  std::vector<std::string> problems;  // "FILE:LINE: what", in the file's order
};

// Fails when the file cannot be read.
Result<ConfigCheck> check_config(const std::string& file);

}  // namespace anchord::app
