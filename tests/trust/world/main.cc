// tools/lifecycle: worlds with faults, one after the other, for so many steps.
#include <fmt/core.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

#include "worlds.h"

namespace {

using namespace anchord::trust::world;

constexpr char kUsage[] =
    "usage: lifecycle [--steps N] [--seed S] [--without RULE]... [--only-locks]\n"
    "runs worlds of administrators, phones and faults from seed S on, until N steps are made, a phone is\n"
    "locked, or what is believed of one is wrong (exit 1; the world's own seed is said)\n";

bool read_number(const char* text, std::uint64_t& number) {
  auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
  return error == std::errc() && *end == '\0';
}

bool read_rule(std::string_view name, Rules& rules) {
  for (const auto& [rule, its_name] : kRuleNames)
    if (its_name == name) return rules.insert(rule), true;
  std::string names;
  for (const auto& [rule, its_name] : kRuleNames) names += " " + std::string(its_name);
  fmt::print(stderr, "lifecycle: there is no rule '{}', only:{}\n", name, names);
  return false;
}

}  // namespace

int main(int count, char** arguments) {
  std::uint64_t steps = 1'000'000;
  WorldSettings first;
  bool good = true;
  for (int i = 1; good && i < count; ++i) {
    std::string_view option = arguments[i];
    if (option == "--only-locks") {
      first.only_locks = true;
      continue;
    }
    const char* value = i + 1 < count ? arguments[++i] : "";
    good = option == "--steps"     ? read_number(value, steps)
           : option == "--seed"    ? read_number(value, first.seed)
           : option == "--without" ? read_rule(value, first.off)
                                   : false;
  }
  if (!good) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  Outcome outcome = run_worlds(first, steps);
  fmt::print("{}", summary(outcome));
  return outcome.trouble == Trouble::none ? 0 : 1;
}
