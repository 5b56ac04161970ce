#include "flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "anchord/control/settings.h"

namespace anchord::app {
namespace {

using control::Setting;
using control::SettingType;

constexpr std::size_t kLongestPreset = 40;  // characters, in the help

// "--pin,!--no-pin"
std::string names_of(const Setting& setting) {
  std::string out = setting.flag();
  if (!setting.negation.empty()) out += fmt::format(",!--{}", setting.negation);
  return out;
}

void define_setting(CLI::App& app, const Setting& setting) {
  const control::SettingValue& value = setting.value;
  const bool is_flag = value.type == SettingType::flag;
  const bool has_range = value.type == SettingType::number || value.type == SettingType::choice;
  const std::string help =
      has_range ? fmt::format("{} ({})", setting.help, value.accepts) : std::string(setting.help);
  CLI::Option* option = is_flag ? app.add_flag(names_of(setting), help)
                                : app.add_option(names_of(setting), CLI::callback_t(), help);
  option->group(std::string(setting.section))->required(setting.required);
  if (!setting.environment.empty()) option->envname(std::string(setting.environment));
  if (is_flag) return;
  option->type_name(value.placeholder);
  if (value.type == SettingType::texts) option->expected(CLI::detail::expected_max_vector_size);
  if (value.preset.size() <= kLongestPreset) option->default_str(value.preset);
}

CLI::Option* option_of(CLI::App& app, std::string_view name) {
  return app.get_option(fmt::format("--{}", name));
}

// Without a setting that is needed to serve.
void serves_nothing(CLI::App& app) {
  for (const Setting& setting : control::settings())
    if (setting.required) option_of(app, setting.name)->required(false);
}

// Where an option's value comes from. Only what stands on the command line is in the
// order of parsing; of the rest, the config file comes before the environment.
std::string origin(const CLI::App& app, const CLI::Option& option) {
  if (option.count() == 0) return "default";
  if (std::ranges::find(app.parse_order(), &option) != app.parse_order().end()) return "command line";
  const char* variable = option.get_envname().empty() ? nullptr : std::getenv(option.get_envname().c_str());
  return variable != nullptr && option.results().front() == variable ? "environment" : "config file";
}

const CLI::Option& option_of(const CLI::App& app, std::string_view name) {
  return *app.get_option(fmt::format("--{}", name));
}

// What stands last is in force of a flag that is given several times.
std::vector<std::string> given(const CLI::Option& option, const Setting& setting) {
  if (setting.value.type != SettingType::flag) return option.results();
  return {option.results().back()};
}

std::string value_in_force(const CLI::Option& option, const Setting& setting) {
  if (setting.value.type == SettingType::flag) {
    const std::string value = option.count() == 0 ? setting.value.preset : option.results().back();
    return control::parse_flag(value).value_or(false) ? "yes" : "no";
  }
  return option.count() == 0 ? setting.value.preset : CLI::detail::join(option.results(), ", ");
}

}  // namespace

void define(CLI::App& app) {
  using namespace control;
  app.set_version_flag("-V,--version", "anchord " ANCHORD_VERSION);
  app.allow_config_extras(false);  // a name that is not an option is a mistake, there too
  // Before the others: of what is missing, the state directory is told first.
  for (const Setting& setting : settings()) define_setting(app, setting);
  for (const CommandFlag& flag : command_flags()) {
    const std::string name = fmt::format("--{}", flag.name);
    const std::string help(flag.help);
    CLI::Option* option = nullptr;
    if (flag.name == kConfig) {
      option = app.set_config(name, "", help)->type_name(std::string(flag.placeholder));
    } else {
      option = app.add_flag(name, help);
    }
    option->configurable(false);
  }
  for (std::string_view name : {kExplain, kCheckConfig, kExampleConfig})
    option_of(app, name)->each([&app](const std::string&) { serves_nothing(app); });
  option_of(app, kJson)->needs(option_of(app, kExplain));
  option_of(app, kCheckConfig)->needs(option_of(app, kConfig));
}

bool is_given(const CLI::App& app, std::string_view name) {
  return option_of(app, name).count() > 0;
}

Status read_options(const CLI::App& app, control::Options& into) {
  Status first;
  for (const Setting& setting : control::settings()) {
    const CLI::Option& option = option_of(app, setting.name);
    if (option.count() == 0) continue;
    Status good = setting.read(setting.name, given(option, setting), into);
    if (first && !good) first = std::unexpected(std::move(good.error()).within(setting.flag()));
  }
  return first;
}

std::vector<control::SettingInForce> settings_in_force(const CLI::App& app) {
  const CLI::Option& config = option_of(app, control::kConfig);
  std::vector<control::SettingInForce> out{
      {.flag = "--config", .value = CLI::detail::join(config.results(), ", "), .from = origin(app, config)}};
  for (const Setting& setting : control::settings()) {
    const CLI::Option& option = option_of(app, setting.name);
    out.push_back(
        {.flag = setting.flag(), .value = value_in_force(option, setting), .from = origin(app, option)});
  }
  return out;
}

std::string text_of(const CLI::ParseError& error, const CLI::App& app) {
  for (const std::string& word : app.remaining())
    if (word.starts_with('-') && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
      return control::unknown_flag(word);
  return error.what();
}

}  // namespace anchord::app
