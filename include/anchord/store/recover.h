// A way back for phones that the present lists do not reach: a list of their own, signed by a
// key that every list which they may hold accepts. The content is the present one; only the
// signer differs. It is served under the phone's own name until the phone is known to have
// taken it, and then the cluster's list is again.
//
// Errors are one line that names the phone or key and the remedy. Times are seconds since 1970.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "anchord/store/ledger.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

struct RecoverRequest {
  std::set<std::string> devices;  // phone::device_name()'s
  // Former list signers, besides the cluster's recovery key and the former TFTP keys that it kept.
  std::vector<trust::Identity> keys = {};
  // Made by the service itself, for unsettled_phones(): by the recovery key, with nothing asked of a
  // verification service. Where some list that the phone may hold does not name it, or is not kept
  // here, by a signer that none names: it cannot be taken without a question. All phones share the lists by
  // such a signer until the cluster changes, but those that may know it. Not for phones that have one already
  // which they have not been given, or not gone on after.
  bool by_itself = false;
  UnixSeconds now = calendar_now();
};

struct RecoveredPhone {
  std::string device;
  std::string signer;  // subject of who signs its own list; empty: it has none
  std::string reason;  // why it has none
};
// Makes all lists in one transaction; the result is sorted by device. Moves the change counter when a list
// was made.
Result<std::vector<RecoveredPhone>> recover_phones(Store& store, const RecoverRequest& request);

// Phones that would be locked, were they reset now, by some list that they may hold.
Result<std::set<std::string>> locked_phones(Store& store, UnixSeconds now);
// Phones that are not known to have accepted what is served now.
Result<std::set<std::string>> phones_behind(Store& store);
// Those of them whose boots alone will not tell: they went on after the list, and nobody saw why.
Result<std::set<std::string>> unsettled_phones(Store& store);

// The lists that were made, to be served.
Result<std::vector<OwnList>> recovery_lists(Store& store);
// Drops the lists of phones that have taken them; their names.
Result<std::vector<std::string>> end_recoveries(Store& store);

}  // namespace anchord::store
