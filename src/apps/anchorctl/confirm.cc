#include "confirm.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "output.h"
#include "session.h"

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

void add_hosts_agree_flag(CLI::App& command, bool& hosts_agree) {
  command.add_flag("--hosts-agree", hosts_agree,
                   "All hosts serve the present state, and their ledgers were taken in (several hosts)");
}

void add_change_options(CLI::App& command, ChangeOptions& options) {
  command.add_flag("--force", options.force, "Do it although phones would be locked");
  command.add_flag("--yes", options.yes, "Do not ask");
  add_hosts_agree_flag(command, options.hosts_agree);
  command.add_flag("--clock-is-right", options.clock_is_right,
                   "This machine's clock is right, although a later time was recorded");
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
