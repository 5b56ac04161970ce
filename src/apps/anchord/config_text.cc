#include "config_text.h"

#define TOML_EXCEPTIONS 0
#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>

namespace anchord::app {
namespace {

// As the option would have it on the command line; nothing for what is no single value.
std::optional<std::string> value_text(const toml::node& node) {
  if (auto text = node.value_exact<std::string>()) return text;
  if (auto number = node.value_exact<std::int64_t>()) return fmt::format("{}", *number);
  if (auto number = node.value_exact<double>()) return fmt::format("{:#}", *number);
  if (auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  return std::nullopt;
}

std::size_t line_of(const toml::source_region& source) {
  return source.begin.line;
}

// What is wrong with it; empty: nothing.
std::string read(const toml::node& node, ConfigSetting& setting) {
  if (node.is_table() || node.is_array_of_tables())
    return fmt::format("there are no sections: '[{}]'", setting.name);
  if (const toml::array* several = node.as_array()) {
    for (const toml::node& one : *several) {
      auto text = value_text(one);
      if (!text)
        return fmt::format("the array '{}' holds what is no text, number, true or false", setting.name);
      setting.values.push_back(std::move(*text));
    }
    return {};
  }
  auto text = value_text(node);
  if (!text) return fmt::format("'{}' is set to what is no text, number, true or false", setting.name);
  setting.values.push_back(std::move(*text));
  return {};
}

}  // namespace

ConfigText read_config_text(std::string_view text) {
  ConfigText out;
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    out.mistakes.push_back(
        {line_of(error.source()),
         fmt::format("this cannot be read as TOML, where text stands in quotes: {}", error.description())});
    return out;
  }
  for (const auto& [key, node] : parsed.table()) {
    ConfigSetting setting{.line = line_of(key.source()), .name = std::string(key.str()), .values = {}};
    if (std::string mistake = read(node, setting); !mistake.empty()) {
      out.mistakes.push_back({setting.line, std::move(mistake)});
    } else {
      out.settings.push_back(std::move(setting));
    }
  }
  std::ranges::sort(out.settings, {}, &ConfigSetting::line);
  std::ranges::sort(out.mistakes, {}, &ConfigMistake::line);
  return out;
}

}  // namespace anchord::app
