// What the services of one shard share. All of it belongs to the shard's thread,
// but for the counters, which others read, and the log, which another thread
// empties.
#pragma once

#include <algorithm>
#include <new>

#include "anchord/io/ring.h"
#include "anchord/service/activity_log.h"
#include "anchord/service/counters.h"
#include "anchord/service/guess_guard.h"
#include "anchord/service/settings.h"
#include "anchord/service/view.h"
#include "downloads/download_recorder.h"
#include "downloads/provisioned_file.h"

namespace anchord::service {

using Pins = index::RcuReader<View>;

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

  void record(const Download& download) {
    const std::string_view device = download.device.text();
    if (download.end == DownloadEnd::given && !device.empty() && is_list(download.file.text()))
      guard.list_given(download.from, device);
    downloads.record(download, pins.current().version);
  }

  // Runs work that may find no memory, which gives up that work and nothing else of the shard. On false the
  // caller leaves what it works on as it was, or ends it.
  template <class Step>
  bool with_memory(Step&& step) {
    try {
      step();
      return true;
    } catch (const std::bad_alloc&) {
      counters.no_memory.add();
      return false;
    }
  }

  // Whether a file that is being read was replaced or removed since, so that its bytes are held for readers
  // alone.
  bool is_superseded(const index::FileEntry& file) const {
    const index::FileEntry* now = pins.current().files.find(file.name);
    return now == nullptr || !now->body.content.shares_with(file.body.content);
  }

  void note(const Trouble& trouble) {
    if (!log.trouble.push(trouble)) counters.trace_unrecorded.add();
  }
  // Notes a request for the traces; does nothing unless somebody traces.
  void note(std::string_view file, std::string_view device, const io::Host& from, Protocol protocol,
            Answered answered) {
    if (!log.requests_wanted.load(std::memory_order_relaxed)) return;
    Request request{.from = from, .at = ring.now(), .protocol = protocol, .answered = answered};
    request.file.set(file);
    request.device.set(device);
    if (!log.requests.push(request)) counters.trace_unrecorded.add();
  }

  bool allowed(const io::Host& host) const {
    return settings.allow.empty() ||
           std::ranges::any_of(settings.allow, [&](const io::Network& n) { return n.contains(host); });
  }
};

}  // namespace anchord::service
