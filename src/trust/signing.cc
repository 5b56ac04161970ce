#include "signing.h"

#include <fmt/core.h>

#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "anchord/base/serial_number.h"
#include "anchord/wire/signed_file.h"

namespace anchord::trust {
crypto::Digest to_crypto(wire::Digest digest) {
  switch (digest) {
    case wire::Digest::sha1:
      return crypto::Digest::sha1;
    case wire::Digest::sha256:
      return crypto::Digest::sha256;
    case wire::Digest::sha512:
      return crypto::Digest::sha512;
  }
  std::unreachable();
}

Result<SignerHeader> SignerHeader::make(std::string_view file_name, const Identity& signer,
                                        const SigningSettings& signing, UnixSeconds timestamp) {
  const crypto::Certificate& certificate = signer.certificate;
  auto cannot = [&](std::string_view why) {
    return fail(
        fmt::format("cannot sign '{}' as '{}': {}", file_name, certificate.subject().to_vendor(), why));
  };
  if (!signer.key) return cannot("its private key is not at hand");
  if (certificate.key_type() != crypto::KeyType::rsa) return cannot("phones need an RSA signer");
  if (!signer.key->matches(certificate)) return cannot("the private key does not match the certificate");
  if (timestamp < 0 || timestamp > std::numeric_limits<std::uint32_t>::max())
    return cannot(fmt::format("the time {} does not fit; set the clock", timestamp));
  auto code = wire::modulus_code(certificate.key_bits() / 8);
  if (!code) return cannot(code.error().text);
  SignerHeader header(certificate);
  header.file_name_ = file_name;
  header.signer_name_ = certificate.subject().to_text(signing.spelling);
  header.issuer_name_ = certificate.issuer().to_text(signing.spelling);
  header.digest_ = signing.digest;
  header.modulus_code_ = *code;
  header.timestamp_ = static_cast<std::uint32_t>(timestamp);
  return header;
}

wire::HeaderFields SignerHeader::fields() const {
  return {.signer_version = {},
          .signer_name = signer_name_,
          .issuer_name = issuer_name_,
          .serial = signer_.serial(),
          .digest = digest_,
          .modulus_code = modulus_code_,
          .file_name = file_name_,
          .timestamp = timestamp_};
}

Result<Buffer> sign(wire::UnsignedFile file, const Identity& signer, wire::Digest digest, Bytes content) {
  std::array<Bytes, 2> parts{file.bytes, content};
  ANCHORD_TRY_ASSIGN(auto signature, signer.key->sign(to_crypto(digest), parts));
  return wire::insert_signature(std::move(file), signature);
}

Result<Buffer> file_header(std::string_view name, Bytes content,
                           const std::optional<wire::Encryption>& encryption, const Identity& signer,
                           const SigningSettings& signing, UnixSeconds timestamp) {
  ANCHORD_TRY_ASSIGN(auto header, SignerHeader::make(name, signer, signing, timestamp));
  wire::HeaderFields fields = header.fields();
  fields.encryption = encryption;
  auto unsigned_header = wire::build_signed_file(fields, {});
  if (!unsigned_header) {
    return fail(fmt::format("cannot sign '{}': {}", name, unsigned_header.error().text));
  }
  return sign(std::move(*unsigned_header), signer, signing.digest, content);
}

namespace {

bool is_exactly(std::string_view text, Bytes name_der) {
  crypto::NormalName spelled;
  crypto::NormalName real;
  return spelled.from_text(text) && real.from_der(name_der) && spelled.text() == real.text();
}

}  // namespace

Naming naming_of(const NamedBy& named, const crypto::Certificate& certificate) {
  if (!same_number(named.serial, certificate.serial())) return Naming::other;
  auto holds = [&](auto&& said_of) {
    return said_of(named.issuer, certificate.issuer_der()) &&
           (named.subject.empty() || said_of(named.subject, certificate.subject_der()));
  };
  if (holds(is_exactly)) return Naming::surely;
  return holds(crypto::name_fits) ? Naming::perhaps : Naming::other;
}

Naming naming_of(const wire::Header& header, const crypto::Certificate& signer) {
  return naming_of({header.signer_name, header.issuer_name, header.serial}, signer);
}

void NamedCertificate::consider(const crypto::Certificate& certificate, Naming naming) {
  if (naming == Naming::other || surely_) return;
  surely_ = naming == Naming::surely;
  if (surely_ || !found_) {
    found_ = certificate;
  } else if (*found_ != certificate) {
    ambiguous_ = true;
  }
}

Status check_signature(Bytes file, const wire::Header& header, const crypto::Certificate& signer,
                       Bytes content) {
  if (naming_of(header, signer) == Naming::other)
    return fail(
        fmt::format("it is signed by '{}', not by '{}'", header.signer_name, signer.subject().to_vendor()));
  wire::SignedParts signed_parts = wire::signed_parts(file, header);
  std::array<Bytes, 3> parts{signed_parts.before, signed_parts.after, content};
  if (!signer.verify(to_crypto(header.digest), parts, header.signature))
    return fail(
        fmt::format("the signature of '{}' does not verify: the file was changed, or another key "
                    "signed it",
                    signer.subject().to_vendor()));
  return {};
}

}  // namespace anchord::trust
