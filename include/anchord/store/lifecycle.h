// Changes to a cluster's trust, each one transaction with an entry in the audit: all of
// it or, killed at any point, nothing. Each asks first what the phones that the ledger
// knows would say (trust/lifecycle.h), in the same transaction, so that two
// administrators cannot do together what neither may do alone.
//
// Errors are one line that names what stands in the way, the phones (how many, the first
// few) and the order that is safe. Times are seconds since 1970.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/store/certificates.h"
#include "anchord/store/ledger.h"
#include "anchord/store/store.h"
#include "anchord/trust/lifecycle.h"

namespace anchord::store {

struct ChangeRequest {
  bool force = false;  // although phones would lock; noted in the audit
  UnixSeconds now = calendar_now();
  // In a cluster of several hosts, an administrator's word that all of them serve the present
  // state, and that what their ledgers know has been taken in.
  bool hosts_agree = false;
  // An administrator's word that `now` is the time, although a later one was recorded.
  bool clock_is_right = false;
};

// What a host's service must have said lately to count as one that vouches for the new signer.
constexpr UnixSeconds kFreshReport = 60;

// The first host whose service has said within kFreshReport that it serves another state than the
// present one; none has: nothing.
Result<std::optional<std::string>> late_host(Store& store, UnixSeconds now);

// A change was refused only for the phones' sake when `force` would help: the error's text
// ends in "; --force does it all the same" then.

struct Regenerated {
  crypto::Certificate before;
  crypto::Certificate after;
  std::string host;                          // of tvs
  std::optional<trust::Locked> locked = {};  // those who were locked by force
};
// A new key and certificate of the same kind, names and lifetime for `service`, or with one of
// `days`, up to kMaxDays (0: the same); `host` for tvs only (empty: the first). The old certificate stays
// known until nobody needs it; the old key's file is removed by the next regeneration. Making the key, which
// may take seconds, keeps nobody waiting; of two who regenerate the same one, the second fails.
Result<Regenerated> regenerate(Store& store, trust::Service service, std::string_view host,
                               const ChangeRequest& request, unsigned days = 0);

// False: it was in that mode already.
Result<bool> set_mode(Store& store, trust::Mode mode, const ChangeRequest& request);

// Sets the digest with which lists and files are signed from now on: sha1 or sha512. False: it was so
// already. Refused while a rollback is prepared, since nothing is signed then. For sha512 each phone that
// counts (the cluster expects it, or it has booted whole) must be of a model that is known to take that. One
// of which no model is known must only where the cluster never signed otherwise than with SHA-1, and there
// must be one that is known, where the cluster was adopted so.
enum class TakesSha512 : std::uint8_t { yes, no, unknown };
using ModelTest = std::function<TakesSha512(std::string_view model)>;
Result<bool> set_digest(Store& store, wire::Digest digest, const ModelTest& takes_sha512,
                        const ChangeRequest& request);

// False: it was so already. Refused in mixed mode: the CTL would still hold.
Result<bool> prepare_rollback(Store& store, const ChangeRequest& request);
Result<bool> cancel_rollback(Store& store, const ChangeRequest& request);

// Adds all or none. A certificate that is there already gets the new roles and TTL; one that was the
// cluster's own is then like any other, and stays. The cluster's own are refused: their roles follow from
// their service. `own` and `retired_from` are ignored. Refused, too, when a certificate that is there would
// lose a role that phones need it for.
Result<std::vector<Added>> add_known(Store& store, std::span<const trust::KnownCertificate> certificates,
                                     const ChangeRequest& request);

// Removes the certificate with that SHA-256 in hexadecimal (colons and upper case are taken). The cluster's
// own cannot be removed, only regenerated. Refused while a phone needs it, or could need it on its way to
// another cluster.
Status remove_known(Store& store, std::string_view sha256, const ChangeRequest& request);

// Own certificates that were replaced and are in no list that a phone may still hold, for a day
// at least (phones keep answers for so long), nor in one that was made for a single phone (recover.h) and
// waits for it: removed, and returned. Nothing is removed while the ledger knows no phone at all, nor on a
// cluster of several hosts, whose phones no one ledger knows.
Result<std::vector<trust::KnownCertificate>> drop_unneeded(Store& store, UnixSeconds now);

// When the keys were last put into a backup, and whether that holds the TFTP key of now.
struct BackupState {
  std::optional<UnixSeconds> last;
  bool holds_tftp_key = false;
};
Result<BackupState> backup_state(Store& store);
// `tftp_sha256`: of the TFTP certificate whose key is in it, in hexadecimal.
Status note_backup(Store& store, UnixSeconds when, std::string_view tftp_sha256);

}  // namespace anchord::store
