// Changes that could lock phones, as functions from one state of a cluster to the next,
// and the question that is asked before each: which phones would it lock?
//
// Nothing here is written anywhere; store/lifecycle.h applies changes. Errors are one
// line that names what stands in the way and the remedy. Times are seconds since 1970.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"
#include "anchord/trust/served.h"

namespace anchord::trust {

// The cluster after `identity` has taken the place of the one it has for `service` (for
// tvs: that of `host`, one of the cluster's). The old certificate stays known, with the
// roles that it had.
Cluster with_identity(Cluster cluster, Service service, std::string_view host, Identity identity,
                      UnixSeconds now);
// The cluster with a host more, behind those that it has; `tvs` is what its verification service presents.
Cluster with_host(Cluster cluster, Host host, Identity tvs);
// The cluster without one of its hosts, of which it has several. The certificate of that one's verification
// service stays known, with the roles that it had.
Cluster without_host(Cluster cluster, std::string_view host, UnixSeconds now);
// One of the cluster's hosts under another name, with the certificate that it has.
Cluster with_renamed_host(Cluster cluster, std::string_view host, std::string name);
Cluster with_mode(Cluster cluster, Mode mode);
Cluster with_digest(Cluster cluster, wire::Digest digest);
Cluster with_rollback(Cluster cluster, bool rolling_back);
// One that is not there changes nothing.
Cluster without_certificate(Cluster cluster, const crypto::Certificate& certificate);

// Phones that may hold the same lists, and have the same lists of their own served to them now.
// Empty bytes: none of that kind.
struct Holders {
  Buffer ctl;
  Buffer itl;
  Buffer own_ctl = {};
  Buffer own_itl = {};
  std::size_t count = 0;
  std::vector<std::string> first;  // a few of their names
};

struct Locked {
  std::size_t count = 0;
  std::size_t with_own = 0;        // of them are served a list of their own
  std::vector<std::string> first;  // a few names, for an error line
  std::string reason;              // the virtual phone's, of the largest group
  bool of_tvs = false;             // no verification service is trusted any more by what they hold
};

// Boots a phone with each of the lists against the cluster as `after`; nothing when none
// of them locks. That it has a list of its own now is no help: the change may drop it. Likewise with what it
// would hold after any part of a boot against `before`: a host that is late to take the change over hands out
// the lists of before. Phones that are locked already (against `before`) are not the change's doing and do
// not count.
Result<std::optional<Locked>> who_would_lock(const Cluster& before, const Cluster& after,
                                             std::span<const Holders> holders, UnixSeconds now);
// The same of what phones find there before and after the change.
std::optional<Locked> who_would_lock(const Served& before, const Served& after,
                                     std::span<const Holders> holders, UnixSeconds now);

// Phones whose lists carry the certificate: while there are some, it should stay known.
struct Needed {
  std::size_t count = 0;
  std::size_t with_own = 0;  // of them are served a list of their own
  std::vector<std::string> first;
};
std::optional<Needed> who_needs(const crypto::Certificate& certificate, std::span<const Holders> holders);

// Who may sign the lists that follow one, by its own records; nobody when it cannot be read.
std::vector<crypto::Certificate> list_signers(Bytes list);

// A list signer that is known and not the cluster's own is another cluster's, whose phones and
// ours may move: a phone on its way holds lists of ours, is given the other's, and asks our
// verification service. These are the phones that could not move any more without the
// certificate; nothing when it may not sign lists or was the cluster's own. Where phones
// are going nobody knows: all that hold lists which do not name the signer count.
std::optional<Needed> who_could_not_move(const KnownCertificate& known, std::span<const Holders> holders);

// "3 phones (SEP001122334455, SEP001122334456, SEP001122334457)"; "1,204 phones (SEP..., SEP...,
// SEP... and more)".
std::string phones_text(std::size_t count, std::span<const std::string> first);

}  // namespace anchord::trust
