#include "anchord/trust/signed_file.h"

#include <fmt/format.h>

#include "signing.h"

namespace anchord::trust {

Result<Buffer> sign_file(std::string_view name, Bytes content, const Identity& signer,
                         const SigningSettings& signing, UnixSeconds timestamp) {
  auto header = SignerHeader::make(name, signer, signing, timestamp);
  if (!header) return std::unexpected(header.error());
  auto unsigned_file = wire::build_signed_file(header->fields(), content);
  if (!unsigned_file) return fail(fmt::format("cannot sign '{}': {}", name, unsigned_file.error().text));
  return sign(std::move(*unsigned_file), signer, signing.digest);
}

Result<wire::SignedFile> verify_signed_file(Bytes file, const crypto::Certificate& signer) {
  auto parsed = wire::parse_signed_file(file);
  if (!parsed) return std::unexpected(parsed.error().error());
  if (auto good = check_signature(file, parsed->header, signer); !good) return std::unexpected(good.error());
  return *parsed;
}

Result<Bytes> strip_signed_file(Bytes file) {
  auto parsed = wire::parse_signed_file(file);
  if (!parsed) return std::unexpected(parsed.error().error());
  return parsed->content;
}

}  // namespace anchord::trust
