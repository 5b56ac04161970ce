#include "commands/signing_options.h"

#include <limits>

#include "anchord/base/file.h"
#include "commands/files.h"

namespace anchord::ctl {

trust::SigningSettings SigningOptions::over(trust::SigningSettings settings) const {
  return {digest.value_or(settings.digest), spelling.value_or(settings.spelling)};
}

UnixSeconds SigningOptions::time() const {
  return timestamp ? UnixSeconds{*timestamp} : calendar_now();
}

Options signing_options(SigningOptions& options) {
  return {
      choice_option<wire::Digest>(
          {.name = "--digest", .help = "Digest of the signature (default: the cluster's, else sha512)"},
          options.digest, {{"sha1", wire::Digest::sha1}, {"sha512", wire::Digest::sha512}}),
      choice_option<crypto::NameSpelling>(
          {.name = "--spelling", .help = "Spelling of names (default: the cluster's, else vendor)"},
          options.spelling, {{"vendor", crypto::NameSpelling::vendor}, {"open", crypto::NameSpelling::open}}),
      number_option({.name = "--timestamp", .type = "UNIX", .help = "Time to write in it (default: now)"},
                    options.timestamp, std::uint32_t{0}, std::numeric_limits<std::uint32_t>::max(),
                    "a number of seconds since 1970")};
}

Result<trust::Identity> read_identity(const std::string& certificate, const std::string& key) {
  ANCHORD_TRY_ASSIGN(auto read, read_certificate(certificate));
  ANCHORD_TRY_ASSIGN(auto signer, read_key(key));
  if (!signer.matches(read)) {
    return fail(quoted(key) + ": not the key of " + quoted(certificate) +
                ": give the key that belongs to it");
  }
  return trust::Identity{read, signer};
}

}  // namespace anchord::ctl
