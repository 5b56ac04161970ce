// Lists that one phone has for itself (ITLSEP<mac>.tlv, CTLSEP<mac>.tlv): which of them may be
// served.
//
// Such a list is made once, and the cluster goes on changing: one that was right then may
// be of a signer that nobody vouches for any more, or name no verification service that there
// still is. A phone that takes it is locked, and one reset after the other brings the same
// list again. So each is judged by the phones' own rules (virtual_phone.h) against the cluster as
// it is, or as it would be after a change.
//
// Nothing is written or served here. Times are seconds since 1970.
#pragma once

#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/trust/served.h"
#include "anchord/trust/trust_list.h"

namespace anchord::trust {

// The certificate that signed the list, out of the list's own SAST records: a phone that holds nothing knows
// no others. Fails when it is no whole list of that kind, or not rightly signed.
Result<crypto::Certificate> own_list_signer(ListKind kind, Bytes list);

// Whether this cluster stands by its signer: it is the present one, or one for which the
// verification services vouch with the role SAST. The error says what is wrong and the remedy.
Status check_own_list(ListKind kind, Bytes list, const crypto::Certificate& present_signer,
                      const Served& cluster);

// What one phone has for itself. Empty bytes: none of that kind.
struct OwnLists {
  Bytes ctl;
  Bytes itl;
};

// Why a list must not be served, and the remedy: one line. Empty: it may be.
struct OwnListFaults {
  std::string ctl;
  std::string itl;
};

// `cluster` is what others find there (served_by()). Those lists may be served with which no phone
// locks: none that holds nothing, none that holds the cluster's lists, and none that holds what
// is served to it. Where the two go only without one another, the ITL stays.
OwnListFaults judge_own_lists(const OwnLists& lists, const crypto::Certificate& present_signer,
                              const Served& cluster, UnixSeconds now);

// Why a phone that holds other lists would be locked by its own ones, while the cluster's would not lock
// it. Empty: it would not be.
std::string locks_who_holds(const OwnLists& held, const OwnLists& lists, const Served& cluster,
                            UnixSeconds now);

}  // namespace anchord::trust
