#include "confirm.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "output.h"
#include "session.h"

namespace anchord::ctl {

bool may_remove(bool yes, const std::string& what, const std::string& consequence) {
  if (yes) return true;
  if (::isatty(STDIN_FILENO) != 1) {
    wrong_usage(fmt::format("removing {} needs --yes when standard input is not a terminal", what));
  }
  fmt::print(stderr, "{}\nRemove it? [y/N] ", printable(consequence));
  std::fflush(stderr);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace anchord::ctl
