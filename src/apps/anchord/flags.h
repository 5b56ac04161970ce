// anchord's command line, as control/settings.h has it: the one place that knows CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/control/explain.h"
#include "anchord/control/options.h"

namespace anchord::app {

// Every setting and every flag that can stand on the command line only.
void define(CLI::App& app);

bool is_given(const CLI::App& app, std::string_view name);

// Puts what was parsed into the options: all that is good. The first error names the flag.
Status read_options(const CLI::App& app, control::Options& into);

// Every setting, with its value and where that comes from; --config before them.
std::vector<control::SettingInForce> settings_in_force(const CLI::App& app);

// What CLI11 says of a mistake, in this program's words.
std::string text_of(const CLI::ParseError& error, const CLI::App& app);

}  // namespace anchord::app
