// How long an own certificate is to be valid.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "../number_range.h"
#include "anchord/store/store.h"

namespace anchord::ctl {

// `unless` says what holds without it.
inline void add_days_option(CLI::App& command, unsigned& days, const std::string& unless) {
  command
      .add_option("--days", days,
                  "For how many days certificates are valid, and part of one more (default: " + unless + ")")
      ->check(app::in_range(1u, store::kMaxDays, "a number of days"))
      ->type_name("DAYS");
}

}  // namespace anchord::ctl
