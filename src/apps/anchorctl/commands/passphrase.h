// The passphrase of a backup.
#pragma once

#include <string>

#include "anchord/base/error.h"
#include "anchord/crypto/secret.h"

namespace anchord::ctl {

// Shorter ones are found by trying, whatever it costs.
constexpr std::size_t kMinPassphrase = 8;

enum class AskPassphrase { once, twice };  // twice: where a mistake would be found too late

// The first line of `file`, or what is typed at the terminal, which shows nothing, when no
// file is named. Where there is no terminal either it is wrong_usage().
Result<crypto::Secret> read_passphrase(const std::string& file, AskPassphrase how);

}  // namespace anchord::ctl
