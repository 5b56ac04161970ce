// What a start refuses by its settings, as far as it shows beforehand: asked by the start itself,
// by `--explain` and by `--check-config`. Nothing is served, written or kept open.
#pragma once

#include <string>
#include <vector>

#include "anchord/control/options.h"

namespace anchord::control {

struct Refusal {
  std::vector<std::string> flags;  // whose values it is: "--user"
  std::string text;                // one line that names them, with the remedy
};

// A user that there is not, ciphers that nobody knows, addresses that are not this machine's or are
// given twice, two services on one port, no service at all, an admin endpoint that anybody could ask, or
// whose files cannot be read, less memory than these settings need.
std::vector<Refusal> refused_by_machine(const Options& options);

// A state directory that is none, and a host that is none of the cluster's. Reads the cluster's
// hosts, as Store::open() does before it reads all the rest.
std::vector<Refusal> refused_by_state(const Options& options);

}  // namespace anchord::control
