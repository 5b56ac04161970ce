#include "config_file.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <tuple>
#include <utility>

#include "anchord/control/start_checks.h"
#include "flags.h"

namespace anchord::app {
namespace {

// Settings that were read already.
class PresetConfig : public CLI::ConfigTOML {
 public:
  explicit PresetConfig(std::vector<ConfigSetting> settings) : settings_(std::move(settings)) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& /*in*/) const override {
    std::vector<CLI::ConfigItem> out;
    for (const ConfigSetting& setting : settings_) {
      CLI::ConfigItem& item = out.emplace_back();
      item.name = setting.name;
      item.inputs = setting.values;
    }
    return out;
  }

 private:
  std::vector<ConfigSetting> settings_;
};

// The flags as these settings alone have them.
struct Alone {
  explicit Alone(std::vector<ConfigSetting> settings) {
    define(app, flags);
    app.get_option("--state")->required(false);
    app.config_formatter(std::make_shared<PresetConfig>(std::move(settings)));
    std::istringstream nothing;
    try {
      app.parse_from_stream(nothing);
    } catch (const CLI::ParseError& error) {
      mistake = text_of(error);
      return;
    }
    auto understood = options_from(flags);
    if (understood) options = std::move(*understood);
    if (!understood) mistake = understood.error().text;
  }

  CLI::App app;
  Flags flags;
  control::Options options;
  std::string mistake;  // empty: none
};

struct Looked {
  ConfigCheck check;
  std::vector<ConfigSetting> good;
  std::map<std::string, std::size_t> line_of;  // by flag: "--listen"
};

// As an option has it whatever it is called in the file: "pin" and "no-pin" are one.
std::string flag_of(const CLI::App& app, const std::string& name) {
  const CLI::Option* option = app.get_option_no_throw("--" + name);
  return option == nullptr ? std::string() : "--" + option->get_lnames().front();
}

void sort_by_line(std::vector<ConfigMistake>& mistakes) {
  std::ranges::sort(mistakes, {}, [](const ConfigMistake& one) { return std::tie(one.line, one.what); });
}

Looked look(const std::string& text) {
  ConfigText read = read_config_text(text);
  Looked out{.check = {.settings = read.settings.size(), .mistakes = std::move(read.mistakes)}};
  for (ConfigSetting& setting : read.settings) {
    Alone alone({setting});
    std::string mistake = alone.mistake;
    if (mistake.empty()) {
      const auto [before, is_new] = out.line_of.emplace(flag_of(alone.app, setting.name), setting.line);
      if (!is_new)
        mistake = "'" + setting.name + "' is set a second time, after line " + std::to_string(before->second);
    }
    if (mistake.empty()) {
      out.good.push_back(std::move(setting));
    } else {
      out.check.mistakes.push_back({setting.line, std::move(mistake)});
    }
  }
  sort_by_line(out.check.mistakes);
  return out;
}

}  // namespace

std::vector<CLI::ConfigItem> ConfigReader::from_config(std::istream& in) const {
  text_.emplace(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  const ConfigText read = read_config_text(*text_);
  if (!read.mistakes.empty()) throw CLI::ConfigError(read.mistakes.front().what);
  return PresetConfig(read.settings).from_config(in);
}

ConfigCheck check_settings(const std::string& text) {
  return look(text).check;
}

ConfigCheck check_config(const std::string& text, const std::string& state) {
  Looked looked = look(text);
  Alone together(std::move(looked.good));
  control::Options& options = together.options;
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
