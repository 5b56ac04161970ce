// The parts of the status as JSON: what each means is in docs/formats.md.
#pragma once

#include <nlohmann/json.hpp>

#include "anchord/base/error.h"
#include "anchord/store/lifecycle.h"
#include "device_log.h"
#include "expiry.h"
#include "ledger_writer.h"
#include "provisioner.h"

namespace anchord::control {

nlohmann::json to_json(const DeviceLog::Device& device);
nlohmann::json to_json(const Provisioner::Report& report);
// `unread`: records that shards have made and nobody has noted yet.
nlohmann::json to_json(const LedgerWriter::Report& report, std::uint64_t unread);
nlohmann::json to_json(const ExpiryWatch& expiry, UnixSeconds now);
nlohmann::json to_json(const Result<store::BackupState>& backup);

}  // namespace anchord::control
