// anchorload boot: its flags.
#pragma once

#include <string>
#include <vector>

#include "command.h"
#include "faults.h"
#include "phones.h"

namespace anchord::load {

struct BootFlags : Flags {
  std::optional<double> ramp;
  std::uint64_t boots = 1;
  PhoneRow row;
  std::string trust;
  std::string protocol = "auto";
  std::uint16_t tftp_port = 69;
  std::uint16_t http_port = 6970;
  std::uint16_t https_port = 6971;
  std::uint16_t tvs_port = 2445;
  std::vector<std::string> tvs;
  double timeout = 5;
  std::optional<double> rest;
  FaultFlags faults;
};

int run_boot(BootFlags& b);

}  // namespace anchord::load
