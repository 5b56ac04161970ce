// What the ledger is to be told: one change for each device, with all that was heard of it
// since the last batch. No thread and no store.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/service/activity_log.h"
#include "anchord/store/ledger.h"

namespace anchord::control {

// What the ledger keeps a file of that name as; none: it keeps nothing of it.
std::optional<store::DeliveredKind> delivered_kind(std::string_view served);
// It tells the ledger nothing: that the device may hold the file was told when the download was begun. How it
// ended is known up to a minute later, when nobody has acknowledged anything for so long, and by then its
// phone may be known to have accepted another list.
bool broke_off(const service::Download& download);

class PendingLedger {
 public:
  // Names are the peers' claims, and a store that cannot be written stays so: stops the
  // waiting changes from filling memory. More than the phones of a large cluster.
  static constexpr std::size_t kMaxDevices = 50'000;
  // Of one device: a boot makes some ten. With more, only what it may hold is kept.
  static constexpr std::size_t kMaxObservations = 256;

  // Of what names no phone nothing is kept.
  void note(const service::Download& download, UnixSeconds now);
  // A list that was asked for by a name that says nothing, where these phones are: each may hold it. It is
  // not that they were heard of, nor what they were given last.
  void note_one_of(std::span<const std::string> devices, const service::Download& download);
  // One that may have been noted and written before is not `counted` among the questions.
  void note(const service::Question& question, UnixSeconds now, bool counted = true);

  std::size_t size() const { return changes_.size(); }
  // Records that found no room.
  std::uint64_t dropped() const { return dropped_; }

  std::vector<store::LedgerChange> take();
  // A batch that could not be written: older than all that was noted since.
  void put_back(std::vector<store::LedgerChange> batch);

 private:
  store::LedgerChange* change_of(const std::string& device);

  std::unordered_map<std::string, store::LedgerChange> changes_;
  std::uint64_t dropped_ = 0;
};

}  // namespace anchord::control
