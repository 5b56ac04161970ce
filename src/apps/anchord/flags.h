// anchord's command line and configuration file: the flags, and what they mean.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/control/explain.h"
#include "anchord/control/options.h"

namespace anchord::app {

// Texts as given; understood in options_from(), whose errors name the flag.
struct Flags {
  std::string state;
  std::string host;
  std::vector<std::string> listen;
  std::string tvs_port = "2445";
  std::string tftp_port = "69";
  std::string http_port = "6970";
  std::string https_port = "6971";
  std::string admin;
  std::string shards = "auto";
  bool no_pin = false;
  std::string tls_min = "1.2";
  std::vector<std::string> allow;
  std::string log_level = "info";
  std::string log_format = "text";
  bool explain = false;
  bool json = false;
  bool check_config = false;
  control::Options options;
};

// `flags` must outlive `app`.
void define(CLI::App& app, Flags& flags);

// Of what was parsed. The error names the flag. Changes nothing but `flags`.
Result<control::Options> options_from(Flags& flags);

// Every setting, with its value and where that comes from.
std::vector<control::Setting> settings_in_force(const CLI::App& app, const Flags& flags);

// What CLI11 says of a mistake, in this program's words.
std::string text_of(const CLI::ParseError& error);

}  // namespace anchord::app
