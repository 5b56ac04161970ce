#include "downloads/download_recorder.h"

#include <cstring>

#include "limits/peer_map.h"

namespace anchord::service {
namespace {

Counter& unrecorded(Counters& counters, const Download& download) {
  if (download.end == DownloadEnd::not_there) return counters.not_there_unrecorded;
  switch (download.protocol) {
    case Protocol::tftp:
      return counters.tftp_unrecorded;
    case Protocol::http:
      return counters.http_unrecorded;
    case Protocol::https:
      break;
  }
  return counters.https_unrecorded;
}

}  // namespace

void DownloadRecorder::record(const Download& download, std::uint64_t view) {
  bool names_nobody = download.device.text().empty();
  // A download that names no device is attributed by what was heard from its address before: the same
  // download again may be another device's, or tell more than the first did.
  if (!names_nobody && is_duplicate(download, view)) return;
  bool is_cheap = names_nobody || download.end == DownloadEnd::not_there;
  std::uint32_t room = is_cheap ? DownloadLog::kCapacity / 2 : DownloadLog::kCapacity;
  if (!log_.push(download, room)) unrecorded(counters_, download).add();
}

bool DownloadRecorder::is_duplicate(const Download& download, std::uint64_t view) {
  std::array<char, 128> key;
  char* at = key.data();
  auto add = [&](const void* from, std::size_t size) {
    std::memcpy(at, from, size);
    at += size;
  };
  add(&view, sizeof view);
  add(&download.version, sizeof download.version);
  add(&download.protocol, sizeof download.protocol);
  add(download.from.bytes.data(), download.from.bytes.size());
  add(download.device.text().data(), download.device.text().size());
  *at++ = '\0';
  add(download.file.text().data(), download.file.text().size());
  std::uint64_t hash = PeerMap::hash_text({key.data(), static_cast<std::size_t>(at - key.data())}, seed_);
  const std::uint64_t own = hash + static_cast<std::uint64_t>(download.end);
  Recent& recent = recent_[own % kRecent];
  if (recent.hash == own && download.ended < recent.until) return true;
  recent = {.hash = own, .until = download.ended + kMemory};
  if (download.end != DownloadEnd::begun) return false;
  // What was begun is to end on record too.
  for (DownloadEnd end : {DownloadEnd::given, DownloadEnd::maybe_given}) {
    const std::uint64_t its = hash + static_cast<std::uint64_t>(end);
    if (recent_[its % kRecent].hash == its) recent_[its % kRecent] = {};
  }
  return false;
}

}  // namespace anchord::service
