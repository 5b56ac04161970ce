// The configuration file (TOML), looked at setting by setting, so that what is wrong in it is
// told with its line: the same to a start, to SIGHUP and to --check-config.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "config_text.h"

namespace anchord::app {

// Reads a configuration file for CLI11, and keeps its text: it may be a pipe, which is read once.
class ConfigReader : public CLI::ConfigTOML {
 public:
  // Fails, by throwing, where the text cannot be read as settings.
  std::vector<CLI::ConfigItem> from_config(std::istream& in) const override;
  const std::optional<std::string>& text() const { return text_; }

 private:
  mutable std::optional<std::string> text_;
};

struct ConfigCheck {
  std::size_t settings = 0;
  std::vector<ConfigMistake> mistakes;  // by line
};

// What is wrong with the settings themselves: a start with them ends with a wrong command line.
ConfigCheck check_settings(const std::string& text);

// And what a start would refuse on this machine of those that are good by themselves. `state` is the
// state directory of the command line; empty: the file's, or none.
ConfigCheck check_config(const std::string& text, const std::string& state);

}  // namespace anchord::app
