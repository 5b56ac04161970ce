// What the services of one shard share. All of it belongs to the shard's thread,
// but for the counters, which others read, and the log, which another thread
// empties.
#pragma once

#include <algorithm>

#include "anchord/io/ring.h"
#include "anchord/service/activity_log.h"
#include "anchord/service/counters.h"
#include "anchord/service/settings.h"
#include "anchord/service/view.h"
#include "download_recorder.h"
#include "guess_guard.h"

namespace anchord::service {

using Pins = index::ReaderPins<View>;

struct ShardContext {
  io::Ring& ring;
  const ShardSettings& settings;
  unsigned shard;  // this one's number
  Counters& counters;
  ActivityLog& log;
  Pins& pins;
  GuessGuard& guard;
  DownloadRecorder& downloads;
  std::uint64_t seed;  // for what peers must not be able to predict

  void record(const Download& download) { downloads.record(download, pins.current().version); }

  bool allowed(const io::Host& host) const {
    return settings.allow.empty() ||
           std::ranges::any_of(settings.allow, [&](const io::Network& n) { return n.contains(host); });
  }
};

}  // namespace anchord::service
