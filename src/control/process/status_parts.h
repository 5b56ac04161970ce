// The parts of the status as the control socket's messages have them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "admin/board.h"
#include "anchord/base/error.h"
#include "anchord/protocol/status.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/sharing.h"
#include "ledger/device_log.h"
#include "ledger/ledger_writer.h"
#include "provisioning/provisioning_report.h"
#include "snapshot/expiry.h"

namespace anchord::control {

// The newest of them.
std::vector<protocol::Device> recent_devices(const DeviceLog& devices);
// The first of its problems and warnings.
protocol::Provisioning status_of(const ProvisioningReport& report);
// `unread`: records that shards have made and nobody has noted yet.
protocol::Ledger status_of(const LedgerWriter::Report& report, std::uint64_t unread);
// Of own lists that are withdrawn: why, by file.
std::map<std::string, std::string> first_of(const std::map<std::string, std::string>& withdrawn);
// Those that end first.
std::vector<protocol::ExpiringCertificate> status_of(const ExpiryWatch& expiry, UnixSeconds now);
// Of all services, soonest first.
std::vector<AdminFacts::OwnCertificate> own_certificates(const ExpiryWatch& expiry);
protocol::Engine status_of(const store::SharedFollower::Report& report);
protocol::Backup status_of(const Result<store::BackupState>& backup);

}  // namespace anchord::control
