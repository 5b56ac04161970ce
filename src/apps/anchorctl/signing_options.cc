#include "signing_options.h"

#include <limits>

#include "../number_range.h"
#include "choice.h"
#include "failure.h"
#include "files.h"

namespace anchord::ctl {

trust::SigningSettings SigningOptions::over(trust::SigningSettings settings) const {
  return {digest.value_or(settings.digest), spelling.value_or(settings.spelling)};
}

UnixSeconds SigningOptions::time() const {
  return timestamp ? UnixSeconds{*timestamp} : calendar_now();
}

void add_signing_options(CLI::App& command, SigningOptions& options) {
  add_choice<wire::Digest>(command, "--digest", options.digest,
                           {{"sha1", wire::Digest::sha1}, {"sha512", wire::Digest::sha512}},
                           "Digest of the signature (default: the cluster's, else sha512)");
  add_choice<crypto::NameSpelling>(
      command, "--spelling", options.spelling,
      {{"vendor", crypto::NameSpelling::vendor}, {"open", crypto::NameSpelling::open}},
      "Spelling of names (default: the cluster's, else vendor)");
  command.add_option("--timestamp", options.timestamp, "Time to write in it (default: now)")
      ->check(app::in_range(std::uint32_t{0}, std::numeric_limits<std::uint32_t>::max(),
                            "a number of seconds since 1970"))
      ->type_name("UNIX");
}

Result<trust::Identity> read_identity(const std::string& certificate, const std::string& key) {
  auto read = read_certificate(certificate);
  if (!read) return failure_of(read);
  auto signer = read_key(key);
  if (!signer) return failure_of(signer);
  if (!signer->matches(*read)) {
    return fail(quoted(key) + ": not the key of " + quoted(certificate) +
                ": give the key that belongs to it");
  }
  return trust::Identity{*read, *signer};
}

}  // namespace anchord::ctl
