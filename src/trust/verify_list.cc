// Checking trust lists.
#include <fmt/core.h>

#include "anchord/base/serial_number.h"
#include "anchord/trust/trust_list.h"
#include "signing.h"

namespace anchord::trust {
namespace {

// The name of the first item that does not say what the certificate says.
const char* disagreement(const wire::Record& record, const crypto::Certificate& certificate) {
  auto differs = [](Bytes said, Bytes real) { return !said.empty() && !same_bytes(said, real); };
  if (record.subject && !crypto::name_fits(*record.subject, certificate.subject_der())) return "subject name";
  if (record.issuer && !crypto::name_fits(*record.issuer, certificate.issuer_der())) return "issuer name";
  if (!record.serial.empty() && !same_number(record.serial, certificate.serial())) return "serial number";
  if (differs(record.public_key, certificate.public_key_raw())) return "public key";
  if (differs(record.signature, certificate.signature())) return "signature";
  if (record.hash_algorithm &&
      !same_bytes(record.hash, crypto::digest(to_crypto(*record.hash_algorithm), certificate.der())))
    return "hash";
  return nullptr;
}

Status check_records(const wire::TrustList& list) {
  for (std::size_t i = 0; i < list.records.size(); ++i) {
    const wire::Record& record = list.records[i];
    if (record.certificate.empty()) continue;
    std::string where = fmt::format("record {} ({})", i + 1, wire::role_name(record.role));
    auto certificate = crypto::Certificate::from_der(record.certificate);
    if (!certificate) return std::unexpected(std::move(certificate.error()).within(where));
    if (const char* item = disagreement(record, *certificate))
      return fail(fmt::format("{}: its {} is not its certificate's", where, item));
  }
  return {};
}

Result<crypto::Certificate> find_signer(const wire::TrustList& list) {
  NamedCertificate signer;
  for (const wire::Record& record : list.records) {
    if (record.role != wire::Role::sast || record.certificate.empty()) continue;
    auto certificate = crypto::Certificate::from_der(record.certificate);
    if (certificate) signer.consider(*certificate, naming_of(list.header, *certificate));
  }
  if (signer.found()) return *signer.found();
  return fail(fmt::format("its signer '{}' is not among its SAST records: give the signer's certificate",
                          list.header.signer_name));
}

}  // namespace

Result<VerifiedList> verify_trust_list(Bytes file, const std::optional<crypto::Certificate>& trusted) {
  auto list = wire::parse_trust_list(file);
  if (!list) return std::unexpected(list.error().error());
  ANCHORD_TRY_ASSIGN(auto signer, trusted ? Result<crypto::Certificate>(*trusted) : find_signer(*list));
  ANCHORD_TRY(check_signature(file, list->header, signer));
  ANCHORD_TRY(check_records(*list));
  return VerifiedList{std::move(*list), std::move(signer)};
}

}  // namespace anchord::trust
