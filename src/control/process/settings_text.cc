// What is said of settings: names that are none, and the example of a configuration file.

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/ascii.h"
#include "anchord/base/nearest_name.h"
#include "anchord/control/settings.h"

namespace anchord::control {
namespace {

constexpr std::size_t kExampleWidth = 100;  // columns of the example

std::vector<std::string_view> names_in_file() {
  std::vector<std::string_view> out;
  for (const Setting& setting : settings()) {
    out.push_back(setting.name);
    if (!setting.negation.empty()) out.push_back(setting.negation);
  }
  return out;
}

std::vector<std::string_view> names_on_command_line() {
  std::vector<std::string_view> out = names_in_file();
  for (const CommandFlag& flag : command_flags()) out.push_back(flag.name);
  out.insert(out.end(), {"help", "version"});
  return out;
}

// The present name of what was called so; empty: nothing was.
std::string_view present_name(std::string_view former) {
  for (const Setting& setting : settings())
    if (!former.empty() && setting.former_name == former) return setting.name;
  return {};
}

std::string shortened(std::string_view name) {
  return name.size() <= kLongestMisspelling ? std::string(name)
                                            : fmt::format("{}...", name.substr(0, kLongestMisspelling));
}

// Markdown's links and backquotes are taken away: [a link](#there) is a link.
std::string plain(std::string_view markdown) {
  std::string out;
  while (!markdown.empty()) {
    const std::size_t at = markdown.find_first_of("`[]");
    out += markdown.substr(0, at);
    if (at == std::string_view::npos) break;
    const bool leads = markdown.substr(at).starts_with("](");
    markdown.remove_prefix(leads ? markdown.find(')', at) + 1 : at + 1);
  }
  return out;
}

// As a comment of as many lines as it needs.
std::string comment(std::string_view text) {
  std::string out;
  std::string line = "#";
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (line.size() + 1 + word.size() > kExampleWidth) {
      out += line + "\n";
      line = "#";
    }
    line += fmt::format(" {}", word);
  }
  return out + line + "\n";
}

std::string in_example(const Setting& setting) {
  std::string facts = fmt::format("{}. {}", sentence(setting.help), plain(setting.advice));
  while (facts.ends_with(' ')) facts.pop_back();
  std::string out = "\n" + comment(facts);
  const auto change = setting.at_sighup == nullptr ? "A change needs a restart" : "SIGHUP takes a change";
  out += comment(fmt::format("It takes {}. {}.", values_text(setting), change));
  if (!setting.value.preset.empty())
    return out + fmt::format("#{} = {}\n", setting.name, toml_value(setting, setting.value.preset));
  return out + comment(fmt::format("Default: {}. For example:", plain(setting.without))) +
         fmt::format("# {} = {}\n", setting.name, setting.example);
}

}  // namespace

std::string sentence(std::string_view text) {
  std::string out(text);
  if (!out.empty()) out.front() = to_upper(out.front());
  return out;
}

std::string values_text(const Setting& setting) {
  const SettingValue& value = setting.value;
  return value.unit.empty() ? value.accepts : fmt::format("{} {}", value.accepts, value.unit);
}

std::string unknown_setting(std::string_view name) {
  const auto others = names_on_command_line();
  if (std::ranges::find(others, name) != others.end())
    return fmt::format("'{}' is for the command line only: take it out of the file", name);
  const std::string start = fmt::format("there is no setting '{}'", shortened(name));
  if (const auto present = present_name(name); !present.empty())
    return fmt::format("{}: it is called '{}' now", start, present);
  if (const auto nearest = nearest_name(name, names_in_file()); !nearest.empty())
    return fmt::format("{}: did you mean '{}'?", start, nearest);
  return start + ": see anchord --help";
}

std::string unknown_flag(std::string_view flag) {
  const std::string_view given = flag.substr(0, flag.find('='));
  const std::string_view name = given.substr(std::min(given.find_first_not_of('-'), given.size()));
  const std::string start = fmt::format("there is no flag '{}'", shortened(given));
  if (const auto present = present_name(name); !present.empty())
    return fmt::format("{}: it is called --{} now", start, present);
  if (const auto nearest = nearest_name(name, names_on_command_line()); !nearest.empty())
    return fmt::format("{}: did you mean --{}?", start, nearest);
  return start;
}

std::string toml_value(const Setting& setting, std::string_view value) {
  const bool bare = setting.value.type == SettingType::flag ||
                    (setting.value.type != SettingType::text && setting.value.type != SettingType::choice &&
                     std::ranges::all_of(value, is_digit));
  return bare ? std::string(value) : fmt::format("\"{}\"", value);
}

std::string example_config() {
  std::string out =
      "# Configuration of anchord, in TOML: 'anchord --config FILE' reads it, and the command line wins.\n"
      "# Every setting is here, in a comment with its default: take the '#' away and change the value.\n"
      "# 'anchord --config FILE --check-config' names every mistake with its line, and\n"
      "# docs/reference/settings.md says more of each.\n";
  std::string_view section;
  for (const Setting& setting : settings()) {
    if (setting.section != section) out += fmt::format("\n\n# ---- {} ----\n", setting.section);
    section = setting.section;
    out += in_example(setting);
  }
  return out;
}

}  // namespace anchord::control
