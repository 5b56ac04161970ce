// What the hosts' services last said of their attempts to take over the store's state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/store/store.h"

namespace anchord::store {

struct StatusReport {
  std::string host;
  UnixSeconds time = 0;
  std::uint64_t snapshot_version = 0;  // the one in service
  bool ok = false;
  std::string message;  // why the newest state is not in service; empty when ok
  std::string serves;   // trust::state_digest() of what it serves, in hexadecimal
};

Status report_status(Store& store, const StatusReport& report);  // replaces that host's last one
Result<std::vector<StatusReport>> last_status(Store& store);     // by host name

}  // namespace anchord::store
