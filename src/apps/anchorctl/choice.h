// An option whose value is one of a few words.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "output.h"
#include "session.h"

namespace anchord::ctl {

template <class Value, class Target>
void add_choice(CLI::App& command, const std::string& option, Target& target,
                std::initializer_list<std::pair<std::string, Value>> choices, const std::string& help) {
  std::vector<std::string> words;
  for (const auto& [word, value] : choices) words.push_back(word);
  auto choose = [&target, option, words, all = std::vector(choices)](const std::string& given) {
    for (const auto& [word, value] : all) {
      if (word != given) continue;
      target = value;
      return;
    }
    wrong_usage(fmt::format("{}: no '{}': use one of {}", option, given, joined(words, ", ")));
  };
  command.add_option_function<std::string>(option, choose, help)->type_name(joined(words, "|"));
}

}  // namespace anchord::ctl
