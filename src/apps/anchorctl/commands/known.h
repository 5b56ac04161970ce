// Certificates that the verification service answers for, in output and on the command line.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "anchord/report/certificates.h"
#include "anchord/store/certificates.h"
#include "anchord/store/store.h"
#include "commands/session.h"

namespace anchord::ctl {

std::string known_line(const trust::KnownCertificate& known);  // "0a1b2c3d4e (sast,tftp) CN=..."

// "sast,tftp" as it stands behind --role; anything else is wrong_usage().
std::vector<wire::Role> roles_from_option(const std::string& text);

// What was added, and, with a reason, what was not: its document has "certificates" and, when `skipped` is
// given, "skipped". Warns of what is odd.
Shown shown_added(std::span<const trust::KnownCertificate> certificates, std::span<const store::Added> added,
                  const std::vector<trust::KnownCertificate>* skipped = nullptr);

// Takes those that are the cluster's own out of `certificates`: they are known already.
std::vector<trust::KnownCertificate> take_own(std::vector<trust::KnownCertificate>& certificates,
                                              const trust::Cluster& cluster);

}  // namespace anchord::ctl
