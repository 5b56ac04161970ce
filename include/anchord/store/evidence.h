// What boots may prove of phones (trust::Evidence), and an administrator's word for what they hold.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "anchord/store/ledger.h"

namespace anchord::store {

// Sets the evidence that load() returns, for the boots that any service notes from now on. The audit records
// it. False: it was so already.
Result<bool> set_evidence(Store& store, trust::Evidence evidence);

// An administrator's word that a phone has accepted the lists that it was given last, and that it is
// where they were given to.
struct Settled {
  std::string device;
  trust::ListVersion itl = trust::kNoList;
  trust::ListVersion ctl = trust::kNoList;  // kNoList: it was never given one
  std::string address;
};
// Settles all phones or none, and the audit records it. Fails when one is not known, was given no list whole,
// or may hold a list of a kind that it was not given since: nobody can say which that is.
Result<std::vector<Settled>> settle_phones(Store& store, std::span<const std::string> devices);

}  // namespace anchord::store
