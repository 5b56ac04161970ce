// Where a shard's services record what became of downloads.
//
// The log is bounded, and what does not fit is lost to the ledger: so nobody may fill it. The
// same again from the same address within a moment says nothing new and is left out. Records
// that cost nothing to cause, because they need no acknowledgement, or that name no device,
// take half of the log at the most.
#pragma once

#include <vector>

#include "anchord/service/activity_log.h"
#include "anchord/service/counters.h"
#include "anchord/service/view.h"

namespace anchord::service {

class DownloadRecorder {
 public:
  // How long the same is left out for, unless there is a new view: long enough to stop a
  // flood, and shorter than a phone needs to boot.
  static constexpr Millis kMemory = 200;

  DownloadRecorder(DownloadLog& log, Counters& counters, std::uint64_t seed)
      : log_(log), counters_(counters), seed_(seed), recent_(kRecent) {}

  // `view`: the version of the one in use.
  void record(const Download& download, std::uint64_t view);

 private:
  static constexpr std::size_t kRecent = 4096;

  struct Recent {
    std::uint64_t hash = 0;  // of all but the times; seeded, so that nobody can choose two that collide
    Millis until = 0;
  };

  bool is_duplicate(const Download& download, std::uint64_t view);

  DownloadLog& log_;
  Counters& counters_;
  std::uint64_t seed_;
  std::vector<Recent> recent_;  // by the hash
};

}  // namespace anchord::service
