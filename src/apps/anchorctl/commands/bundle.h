// A cluster's certificates in a file for another cluster: PEM, with lines of text before each
// that say whose it is and what for. Never keys. The format is described in
// docs/formats.md ("bundle").
#pragma once

#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"

namespace anchord::ctl {

// Of its TFTP, recovery and CAPF services.
std::string write_bundle(const trust::Cluster& cluster);

struct Bundle {
  std::vector<std::string> cluster_ids;               // named in it, each once
  std::vector<trust::KnownCertificate> certificates;  // at least one, each once
};

// With the roles that follow from what each says to be for; those that say nothing sign lists
// and files. A file that has a private key in it is refused, whatever else is there.
Result<Bundle> read_bundle(Bytes content);

}  // namespace anchord::ctl
