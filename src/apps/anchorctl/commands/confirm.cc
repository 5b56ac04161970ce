#include "commands/confirm.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "commands/session.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

bool is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

bool person_agrees(const std::string& consequence) {
  print_aside(printable(consequence) + "\nGo on? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

bool may_go_on(bool yes, const std::string& doing, const std::string& consequence) {
  if (yes) return true;
  if (!is_terminal()) {
    wrong_usage(fmt::format("{} needs --yes when standard input is not a terminal", doing));
  }
  return person_agrees(consequence);
}

bool may_remove(bool yes, const std::string& what, const std::string& consequence) {
  return may_go_on(yes, "removing " + what, consequence);
}

Option hosts_agree_option(bool& hosts_agree) {
  return {.name = "--hosts-agree",
          .help = "All hosts serve the present state, and their ledgers were taken in (several hosts)",
          .target = &hosts_agree};
}

Options change_options(ChangeOptions& options) {
  return {{.name = "--force", .help = "Do it although phones would be locked", .target = &options.force},
          {.name = "--yes", .help = "Do not ask", .target = &options.yes},
          hosts_agree_option(options.hosts_agree),
          {.name = "--clock-is-right",
           .help = "This machine's clock is right, although a later time was recorded",
           .target = &options.clock_is_right}};
}

store::ChangeRequest ChangeOptions::request() const {
  return {
      .force = force, .now = calendar_now(), .hosts_agree = hosts_agree, .clock_is_right = clock_is_right};
}

bool may_change(const ChangeOptions& options, const std::string& doing, const std::string& consequence) {
  if (!options.force && !is_terminal()) return true;
  return may_go_on(options.yes, options.force ? doing + " by force" : doing, consequence);
}

}  // namespace anchord::ctl
