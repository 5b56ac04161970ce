// The commands that move a cluster's trust elsewhere or take it from there: backups,
// another verification service's certificates, bundles between clusters.
#pragma once

#include "session.h"

namespace anchord::ctl {

void add_backup_commands(CLI::App& app, Session& session);
void add_cert_import_command(CLI::App& cert_group, Session& session);
void add_cert_bundle_commands(CLI::App& cert_group, Session& session);

}  // namespace anchord::ctl
