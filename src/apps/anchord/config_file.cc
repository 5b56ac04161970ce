#include "config_file.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "anchord/control/settings.h"
#include "anchord/control/start_checks.h"

namespace anchord::app {
namespace {

struct Looked {
  ConfigCheck check;
  control::Options options;                    // as the settings that are good have them
  std::map<std::string, std::size_t> line_of;  // by flag: "--listen"
};

void sort_by_line(std::vector<ConfigMistake>& mistakes) {
  std::ranges::sort(mistakes, {}, [](const ConfigMistake& one) { return std::tie(one.line, one.what); });
}

// What is wrong with a setting; empty: nothing, and the options have it.
std::string mistake_in(const ConfigSetting& given, Looked& out) {
  const control::Setting* setting = control::find_setting(given.name);
  if (setting == nullptr) return control::unknown_setting(given.name);
  // Looked at before it is in the options: of what is set twice the first is meant.
  control::Options with = out.options;
  if (Status good = setting->read(given.name, given.values, with); !good)
    return std::move(good.error()).within(setting->flag()).text;
  // "pin" and "no-pin" are one.
  const auto [before, is_new] = out.line_of.emplace(setting->flag(), given.line);
  if (!is_new)
    return "'" + given.name + "' is set a second time, after line " + std::to_string(before->second);
  out.options = std::move(with);
  return {};
}

Looked look(const std::string& text) {
  ConfigText read = read_config_text(text);
  Looked out{.check = {.settings = read.settings.size(), .mistakes = std::move(read.mistakes)}};
  for (const ConfigSetting& given : read.settings)
    if (std::string mistake = mistake_in(given, out); !mistake.empty())
      out.check.mistakes.push_back({given.line, std::move(mistake)});
  sort_by_line(out.check.mistakes);
  return out;
}

}  // namespace

std::vector<CLI::ConfigItem> ConfigReader::from_config(std::istream& in) const {
  text_.emplace(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  ConfigText read = read_config_text(*text_);
  if (!read.mistakes.empty()) throw CLI::ConfigError(read.mistakes.front().what);
  std::vector<CLI::ConfigItem> out;
  for (ConfigSetting& setting : read.settings) {
    CLI::ConfigItem& item = out.emplace_back();
    item.name = std::move(setting.name);
    item.inputs = std::move(setting.values);
  }
  return out;
}

ConfigCheck check_settings(const std::string& text) {
  return look(text).check;
}

ConfigCheck check_config(const std::string& text, const std::string& state) {
  Looked looked = look(text);
  control::Options& options = looked.options;
  if (options.state.empty()) options.state = state;
  std::vector<control::Refusal> refused = control::refused_by_machine(options);
  if (!options.state.empty() || looked.line_of.contains("--state")) {
    auto more = control::refused_by_state(options);
    refused.insert(refused.end(), more.begin(), more.end());
  }
  for (const control::Refusal& refusal : refused) {
    auto set = std::ranges::find_if(refusal.flags,
                                    [&](const std::string& flag) { return looked.line_of.contains(flag); });
    if (set != refusal.flags.end()) looked.check.mistakes.push_back({looked.line_of.at(*set), refusal.text});
  }
  sort_by_line(looked.check.mistakes);
  return looked.check;
}

}  // namespace anchord::app
