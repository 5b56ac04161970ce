// settings-reference: the tables of anchord's settings and flags as docs/operations.md has them.
// tools/settings-docs puts them there, and a test compares.

#include <fmt/core.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "anchord/base/ascii.h"
#include "anchord/control/settings.h"

namespace anchord::app {
namespace {

using control::CommandFlag;
using control::Setting;
using control::SettingType;

constexpr std::size_t kLongestPreset = 40;  // characters, in a cell

// 8 589 934 592: of five digits and more, as docs have them.
std::string grouped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t begin = i;
    while (begin > 0 && is_digit(text[begin - 1])) --begin;
    std::size_t end = i;
    while (end < text.size() && is_digit(text[end])) ++end;
    const bool divides = end - begin > 4 && i > begin && (end - i) % 3 == 0;
    if (divides && is_digit(text[i])) out += ' ';
    out += text[i];
  }
  return out;
}

// A cell of a table: a bar would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

// Flags stand in backquotes.
std::string marked(std::string_view help) {
  std::string out;
  while (!help.empty()) {
    const std::string_view word = help.substr(0, help.find_first_of(" ,;:)"));
    const bool is_flag = word.starts_with("--") && word.size() > 2;
    out += is_flag ? fmt::format("`{}`", word) : std::string(word);
    help.remove_prefix(word.size());
    if (help.empty()) break;
    out += help.front();
    help.remove_prefix(1);
  }
  return out;
}

std::string flag_cell(std::string_view name, std::string_view placeholder) {
  return placeholder.empty() ? fmt::format("`--{}`", name)
                             : cell(fmt::format("`--{} {}`", name, placeholder));
}

std::string preset_cell(const Setting& setting) {
  const std::string& preset = setting.value.preset;
  if (preset.empty()) return std::string(setting.without);
  return preset.size() <= kLongestPreset ? grouped(preset) : "see below";
}

std::string row(const Setting& setting) {
  std::string flags = flag_cell(setting.name, setting.value.placeholder);
  if (!setting.negation.empty()) flags += fmt::format(", `--{}`", setting.negation);
  std::string what = control::sentence(marked(setting.help)) + ".";
  if (!setting.advice.empty()) what += fmt::format(" {}", setting.advice);
  return fmt::format("| {} | {} | {} | {} | {} |\n", flags, preset_cell(setting),
                     grouped(control::values_text(setting)),
                     setting.at_sighup == nullptr ? "restart" : "SIGHUP", what);
}

std::string tables() {
  std::string out =
      "| flag | default | takes | changed by | what it is, and when to touch it |\n|---|---|---|---|---|\n";
  std::string_view section;
  for (const Setting& setting : control::settings()) {
    if (setting.section != section) out += fmt::format("| **{}** | | | | |\n", setting.section);
    section = setting.section;
    out += row(setting);
  }
  out += "\nOn the command line only:\n\n| only a flag | what it does |\n|---|---|\n";
  for (const CommandFlag& flag : control::command_flags())
    out += fmt::format("| {} | {} |\n", flag_cell(flag.name, flag.placeholder), flag.advice);
  return out;
}

int print() {
  const std::string text = tables();
  const bool arrived =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return arrived ? 0 : 1;
}

}  // namespace
}  // namespace anchord::app

int main() {
  return anchord::app::print();
}
