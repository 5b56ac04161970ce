// The settings of anchord, each in one row: what it is called, what it takes, what it does and how a
// change comes into force.
//
// The flags, the configuration file, --check-config, --explain, SIGHUP, --example-config, the tables in
// docs/reference/settings.md and the manual pages are all made from this table. To add a setting: a member
// of Options, whose initial value is the default, and a row in src/control/process/settings.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/control/options.h"

namespace anchord::control {

// How a value is written in the configuration file.
enum class SettingType : std::uint8_t {
  flag,            // true or false
  number,          // 10
  number_or_auto,  // 10 or "auto"
  text,            // "a"
  choice,          // "a", which is one of some words
  texts,           // ["a", "b"]
};

// What a setting takes, and where it goes.
struct SettingValue {
  SettingType type = SettingType::text;
  std::string placeholder;     // stands for the value in help and docs: "MS"; empty for a flag
  std::string_view unit = {};  // "milliseconds"; empty: it has none
  std::string accepts;         // in words, without the unit: "10 to 3600000"
  // Puts what was given into the options. The error says what is wrong with it, without the setting's name.
  std::function<Status(const std::vector<std::string>& given, Options& into)> read;
  std::string preset;  // the default, as read() takes it: that of Options; empty: it is no value
};

struct Setting {
  std::string_view name;           // as in the configuration file; "--" stands before it on the command line
  std::string_view negation = {};  // of a flag: the name that says the opposite
  std::string_view former_name = {};  // not taken any more; whoever gives it is told the present one
  std::string_view section;           // the heading that it stands under
  SettingValue value;
  std::string_view help;              // one line for --help
  std::string_view advice;            // for docs, in Markdown: what else there is to know, when to touch it
  std::string_view without = {};      // what holds where nothing is given, when the default is no value
  std::string_view example = {};      // a value in TOML, when the default is none
  std::string_view environment = {};  // the variable that gives it, too
  bool required = false;              // without it nothing can be served
  // Puts a changed value in force when SIGHUP is received; nullptr: it needs a restart.
  void (*at_sighup)(const Options& now) = nullptr;

  // "--pin"
  std::string flag() const { return "--" + std::string(name); }
  // `given` as it stands on the command line or in the configuration file under `called`, which is the
  // name or the negation.
  Status read(std::string_view called, const std::vector<std::string>& given, Options& into) const;
};

// All settings, in the order of help and docs: those of one section stand together.
const std::vector<Setting>& settings();

// By its name or negation; nullptr: there is none.
const Setting* find_setting(std::string_view name);

// What can stand on the command line only, beside --help and --version.
struct CommandFlag {
  std::string_view name;
  std::string_view placeholder;  // empty: it takes no value
  std::string_view help;
  std::string_view advice;  // for docs, in Markdown
};
inline constexpr std::string_view kConfig = "config";
inline constexpr std::string_view kExplain = "explain";
inline constexpr std::string_view kJson = "json";
inline constexpr std::string_view kCheckConfig = "check-config";
inline constexpr std::string_view kExampleConfig = "example-config";
const std::vector<CommandFlag>& command_flags();

// Of a flag: true or false, and other words for them.
Result<bool> parse_flag(const std::string& text);

// With a capital letter.
std::string sentence(std::string_view text);
// "1 to 256 connections"
std::string values_text(const Setting& setting);

// One line for a name in the configuration file that is no setting's, with the present name of a former
// one, else with the nearest that there is.
std::string unknown_setting(std::string_view name);
// The same of a flag, "--max-conections".
std::string unknown_flag(std::string_view flag);

// As the configuration file has it: 10, "auto", true.
std::string toml_value(const Setting& setting, std::string_view value);

// A configuration file in which every setting stands as a comment, with its unit, what it takes and
// its default. A line that begins with '#' and a setting's name becomes a good setting without the '#'.
std::string example_config();

}  // namespace anchord::control
