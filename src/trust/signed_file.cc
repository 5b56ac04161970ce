#include "anchord/trust/signed_file.h"

#include <fmt/core.h>

#include "signing.h"

namespace anchord::trust {

Result<Buffer> sign_header(std::string_view name, Bytes content, const Identity& signer,
                           const SigningSettings& signing, UnixSeconds timestamp) {
  return file_header(name, content, {}, signer, signing, timestamp);
}

Result<Buffer> sign_file(std::string_view name, Bytes content, const Identity& signer,
                         const SigningSettings& signing, UnixSeconds timestamp) {
  auto file = sign_header(name, content, signer, signing, timestamp);
  if (file) file->insert(file->end(), content.begin(), content.end());
  return file;
}

Status verify_header(std::string_view name, Bytes header, Bytes content, const crypto::Certificate& signer) {
  auto parsed = wire::parse_header(header);
  if (!parsed) return std::unexpected(parsed.error().error());
  if (parsed->version == wire::kTrustListVersion || parsed->length != header.size())
    return fail("it is not the header of a signed file");
  if (parsed->file_name != name)
    return fail(fmt::format("it is the header of '{}', not of '{}'", parsed->file_name, name));
  return check_signature(header, *parsed, signer, content);
}

Result<wire::SignedFile> verify_signed_file(Bytes file, const crypto::Certificate& signer) {
  auto parsed = wire::parse_signed_file(file);
  if (!parsed) return std::unexpected(parsed.error().error());
  ANCHORD_TRY(check_signature(file, parsed->header, signer));
  return *parsed;
}

}  // namespace anchord::trust
