// settings-reference: the table of anchord's settings and flags as one JSON document.
//
// tools/settings-docs makes the tables of docs/reference/settings.md from it, and tools/man-pages anchord(8)
// and anchord.toml(5). Texts are as the table has them; `advice` and `without` are Markdown.

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "anchord/base/printable.h"
#include "anchord/control/settings.h"

namespace anchord::app {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const control::Setting& setting) {
  return {{"name", setting.name},
          {"negation", setting.negation},
          {"section", setting.section},
          {"placeholder", setting.value.placeholder},
          {"takes", control::values_text(setting)},
          {"default", setting.value.preset},
          {"without", setting.without},
          {"help", setting.help},
          {"advice", setting.advice},
          {"environment", setting.environment},
          {"required", setting.required},
          {"sighup", setting.at_sighup != nullptr}};
}

Json to_json(const control::CommandFlag& flag) {
  return {{"name", flag.name}, {"placeholder", flag.placeholder}, {"advice", flag.advice}};
}

int print() {
  Json out = {{"settings", Json::array()}, {"flags", Json::array()}};
  for (const control::Setting& setting : control::settings()) out["settings"].push_back(to_json(setting));
  for (const control::CommandFlag& flag : control::command_flags()) out["flags"].push_back(to_json(flag));
  const std::string text = json_text(out, 2) + "\n";
  const bool arrived =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return arrived ? 0 : 1;
}

}  // namespace
}  // namespace anchord::app

int main() {
  return anchord::app::print();
}
