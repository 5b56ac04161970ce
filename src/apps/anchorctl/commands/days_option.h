// How long an own certificate is to be valid.
#pragma once

#include <string>

#include "anchord/store/init.h"
#include "anchord/store/store.h"
#include "commands/option.h"

namespace anchord::ctl {

// `unless` says what holds without it.
inline Option days_option(unsigned& days, const std::string& unless) {
  return number_option(
      {.name = "--days",
       .type = "DAYS",
       .help = "For how many days certificates are valid, and part of one more (default: " + unless + ")"},
      days, 1u, store::kMaxDays, "a number of days");
}

}  // namespace anchord::ctl
