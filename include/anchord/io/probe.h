// What this kernel and its io_uring can do, asked once at start.
#pragma once

#include <string>
#include <vector>

#include "anchord/base/error.h"

namespace anchord::io {

struct KernelSupport {
  std::string release;             // "6.1.0-13-amd64"
  Status busy_poll;                // whether network queues can be polled before a wait sleeps
  bool huge_pages = false;         // whether memory gets them that asks for them
  std::vector<std::string> lines;  // for the log: what is used, what is not and why
};

// Makes a small ring and tries everything the service needs on it. Fails, with
// the remedy, when any of that is missing; nothing is left behind either way.
Result<KernelSupport> probe_kernel();

}  // namespace anchord::io
