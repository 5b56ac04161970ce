// Trust lists (ITL and CTL): what goes in, signed by one identity, and the
// checks that a phone's trust in a list rests on. The format is described in
// docs/formats.md ("protocols of the phones").
//
// Times are seconds since 1970. Errors are one line that names the list's part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/digest.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/cluster.h"
#include "anchord/wire/trust_list.h"

namespace anchord::trust {

// Most phones look at two list signers and no more.
constexpr std::size_t kMaxSigners = 2;

using phone::kListKinds;
using phone::ListKind;

struct ListedCertificate {
  // None: an emptied record, of a role that nobody has at present. It is only the DNS
  // name, the role and the address.
  std::optional<crypto::Certificate> certificate;
  wire::Role role;
  std::string dns_name;      // of the server that presents it; empty: the record has none
  std::string address = {};  // IPv4, in emptied records; empty: none
};

// All that a list says, but for its time.
struct TrustListFields {
  std::string file_name = phone::kItlFileName;
  Identity signer;  // RSA; must be among the records with the role SAST
  SigningSettings signing;
  wire::Version signer_version{1, 1};
  std::vector<ListedCertificate> records;  // in the order in which they are written
};

// 1.1 lets newer phones provision by HTTPS and use EC certificates; lists signed
// with SHA-1 are for phones that know only 1.0.
wire::Version signer_version(wire::Digest digest);

// What the cluster's ITL says: who may sign lists (TFTP, then recovery), who
// signs files, who serves them by HTTPS (not with 1.0), every host's verification
// service, and CAPF. While the cluster is rolling back, the records of those who sign
// or serve files and of the verification services are emptied.
TrustListFields itl_fields(const Cluster& cluster);

// What its CTL says: the same list signers, who signs files and may secure signalling
// (CCM+TFTP; emptied in non-secure mode), and CAPF. Only when has_ctl.
TrustListFields ctl_fields(const Cluster& cluster);

// A digest over the fields: equal when and only when the lists that they give
// differ in nothing but the time and the signature over it.
Buffer fields_digest(const TrustListFields& fields);

// A digest of all that phones get to see of a cluster's trust: it is equal on hosts that serve the same
// state, whenever their lists were signed. Needs no keys.
crypto::Sha256 state_digest(const Cluster& cluster);

// The signed list, verified before it is returned. Fails when the signer cannot
// sign (no key, not RSA, not listed), when more than kMaxSigners records are
// SAST, or when phones would not load the list for its size: the error then names
// the certificates to drop.
Result<Buffer> build_trust_list(const TrustListFields& fields, UnixSeconds timestamp);

struct VerifiedList {
  wire::TrustList list;  // views into the file that was verified
  crypto::Certificate signer;
};

// Checks the signature and that what each record says of its certificate (names,
// serial number, key, signature) is what the certificate itself says.
//
// The signer is the list's SAST record that the header names. Such a list is
// whole, but anybody could have made it: pass the `signer` that is trusted to
// know that it is theirs.
Result<VerifiedList> verify_trust_list(Bytes file,
                                       const std::optional<crypto::Certificate>& signer = std::nullopt);

}  // namespace anchord::trust
