// What a start with these options would do here, for whoever tunes a machine: the
// settings in force, what the kernel offers, what is chosen, the memory and descriptors
// that it takes, and what would stop it or make it slow.
//
// Nothing is served, no port of the service is bound and no file is written. A ring and
// the services of one shard are made and dropped again, so memory is measured, not
// computed; the rings of the other shards are made too, since limits are on all of them.
// Of the state directory only the cluster's hosts are read. Raises the soft limit of open
// files, as the service does.
#pragma once

#include <string>
#include <vector>

#include "anchord/control/options.h"

namespace anchord::control {

struct SettingInForce {
  std::string flag;  // "--shards"
  std::string value;
  std::string from;  // "default", "command line", "config file" or "environment"
};

struct Explained {
  std::string text;    // for people, or one JSON document; ends in a newline
  bool starts = true;  // nothing that was looked at keeps it from starting
};
// What would keep anchord from starting is in the text as a problem, and no failure of the
// explanation. For the thread that started the process, before there are others: their memory
// would be counted too.
Explained explain(const Options& options, const std::vector<SettingInForce>& settings, bool as_json);

}  // namespace anchord::control
