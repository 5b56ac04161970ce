// What phones find at a cluster, as plain values: the lists, a configuration, and what
// its verification services present and answer. Made from a cluster's state as it is, or
// as it would be after a change, to see what phones would say to it.
//
// Times are seconds since 1970.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/trust/cluster.h"

namespace anchord::trust {

struct Served {
  std::map<std::string, Buffer> files;     // by the exact name
  std::vector<crypto::Certificate> tvs;    // what each host's service presents, in order
  std::vector<KnownCertificate> answered;  // what they vouch for
};

// What the verification services vouch for: everything known, or, while the cluster is
// rolling back, nothing.
std::vector<KnownCertificate> answered_by(const Cluster& cluster);

// With lists built and a default configuration signed for the occasion (not signed while
// the cluster is rolling back): the cluster's TFTP key must be at hand. Fails as
// build_trust_list() does.
Result<Served> served_by(const Cluster& cluster, UnixSeconds now);

// The default configuration that served_by() serves, signed where there is somebody who signs.
Status add_configuration(Served& served, const Identity* signer, const SigningSettings& signing,
                         UnixSeconds now);

// The response to a phone's question, as the services give it. Empty for what is not one.
Buffer answer_of(const Served& served, Bytes question);

}  // namespace anchord::trust
