// The text of a configuration file: settings in TOML, without sections.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace anchord::app {

struct ConfigSetting {
  std::size_t line = 0;  // where it begins, from 1
  std::string name;
  std::vector<std::string> values;  // several of an array
};

struct ConfigMistake {
  std::size_t line = 0;
  std::string what;
};

struct ConfigText {
  std::vector<ConfigSetting> settings;  // those that can be read, in the file's order
  std::vector<ConfigMistake> mistakes;
};

// A byte order mark is passed over, as are Windows' line ends. What is no TOML is one mistake.
ConfigText read_config_text(std::string_view text);

}  // namespace anchord::app
