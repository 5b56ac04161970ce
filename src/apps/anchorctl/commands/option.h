// What a command takes, as data: options are rows of name, type, help and target. Whoever reads the command
// line (command_line.cc), and whatever is made of the table of commands, goes by these rows alone.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anchord/base/ascii.h"
#include "anchord/base/parse_number.h"

namespace anchord::ctl {

struct Option {
  // Takes one value; gives what is wrong with it, or nothing.
  using Reader = std::function<std::string(const std::string&)>;
  // bool: a flag, which has no value. What is pointed to outlives the command line.
  using Target = std::variant<bool*, std::string*, std::vector<std::string>*, Reader>;

  std::string name;  // "--ttl"; "FILE": known by its place
  std::string type;  // "SECONDS": how --help shows the value; empty for flags and what is known by its place
  std::string help;
  Target target;
  bool required = false;
  bool one_value_each = false;  // of a list: each value stands behind the option's name
  bool may_be_empty = false;    // else an empty value is refused: it is a variable that was not set
  std::string environment;      // the variable that says it, too
  std::string alias;            // another name for it, which --help does not show
};

using Options = std::vector<Option>;

inline Options operator+(Options first, Option second) {
  first.push_back(std::move(second));
  return first;
}
inline Options operator+(Options first, const Options& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// `option`, for a number from `least` to `most`; `what`: "a number of seconds". A target may be optional.
template <class Number, class Target>
Option number_option(Option option, Target& target, Number least, Number most, const std::string& what) {
  option.type += fmt::format(":[{} - {}]", least, most);
  option.target = [&target, least, most, what](const std::string& text) {
    auto number = parse_number(text, least, most, what);
    if (!number) return number.error().text;
    target = *number;
    return std::string();
  };
  return option;
}

// `option`, for one of a few words, of which each stands for a value. A target may be optional.
template <class Value, class Target>
Option choice_option(Option option, Target& target, std::vector<std::pair<std::string, Value>> choices) {
  std::vector<std::string> words;
  for (const auto& [word, value] : choices) words.push_back(word);
  option.type = joined(words, "|");
  option.target = [&target, words, all = std::move(choices)](const std::string& given) {
    for (const auto& [word, value] : all) {
      if (word != given) continue;
      target = value;
      return std::string();
    }
    return fmt::format("no '{}': use one of {}", given, joined(words, ", "));
  };
  return option;
}

}  // namespace anchord::ctl
