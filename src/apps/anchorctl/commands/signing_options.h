// Options of the commands that sign: how, and with what time.
#pragma once

#include <optional>
#include <string>

#include "anchord/base/clock.h"
#include "anchord/trust/cluster.h"
#include "commands/option.h"

namespace anchord::ctl {

struct SigningOptions {
  std::optional<wire::Digest> digest;
  std::optional<crypto::NameSpelling> spelling;
  std::optional<std::uint32_t> timestamp;

  bool any() const { return digest || spelling || timestamp; }
  trust::SigningSettings over(trust::SigningSettings settings) const;
  UnixSeconds time() const;
};

Options signing_options(SigningOptions& options);

// A certificate and its key from files; fails when they do not belong together.
Result<trust::Identity> read_identity(const std::string& certificate, const std::string& key);

}  // namespace anchord::ctl
