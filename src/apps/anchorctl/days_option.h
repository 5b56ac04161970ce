// How long an own certificate is to be valid.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "anchord/store/store.h"

namespace anchord::ctl {

// `unless` says what holds without it.
inline void add_days_option(CLI::App& command, unsigned& days, const std::string& unless) {
  command
      .add_option("--days", days,
                  "For how many days certificates are valid, and part of one more (default: " + unless + ")")
      ->check(CLI::Range(1u, store::kMaxDays))
      ->type_name("DAYS");
}

}  // namespace anchord::ctl
