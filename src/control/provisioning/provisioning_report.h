// What the provisioner hands to the service: what is to be served from now on, and what there is to say of
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/index/file_table.h"
#include "provisioning/file_problems.h"

namespace anchord::control {

// Made wholly from one context; updates are applied in the order in which they come.
struct ProvisioningUpdate {
  std::uint64_t generation = 0;  // of the context
  std::vector<index::FileChange> changes;
};

struct ProvisioningReport {
  // Files that have gone and stay in service for a while: see Removals.
  struct Held {
    std::size_t files = 0;
    std::size_t certificates = 0;  // of devices
    UnixSeconds until = 0;         // when the first of both goes, if no more go
  };

  std::size_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t signatures_made = 0;  // since the start
  std::uint64_t signatures_kept = 0;  // used again at the start
  bool watching = false;              // changes are told by the kernel
  std::string cache_problem;          // why signatures cannot be kept
  FileProblems::Problems problems;
  FileProblems::Warnings warnings;
  Held held;             // since they are many
  std::size_t gone = 0;  // that wait, held or not
  std::size_t gone_certificates = 0;
  std::size_t made = 0;  // of the files that are looked at together, at present or last
  std::size_t to_make = 0;
};

}  // namespace anchord::control
