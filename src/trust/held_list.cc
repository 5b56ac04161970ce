#include "held_list.h"

#include <algorithm>

#include "anchord/wire/trust_list.h"
#include "signing.h"

namespace anchord::trust {
namespace {

template <class Matches>
const wire::Record* find_record(const Parsed<wire::TrustList>& list, std::span<const wire::Role> roles,
                                Matches&& matches) {
  if (!list) return nullptr;
  for (const wire::Record& record : list->records)
    if (!record.certificate.empty() && std::ranges::find(roles, record.role) != roles.end() &&
        matches(record.certificate))
      return &record;
  return nullptr;
}

}  // namespace

std::optional<crypto::Certificate> find_signer(Bytes list, const wire::Header& header,
                                               std::span<const wire::Role> roles) {
  NamedCertificate signer;
  find_record(wire::parse_trust_list(list), roles, [&](Bytes der) {
    auto certificate = crypto::Certificate::from_der(der);
    Naming naming = certificate ? naming_of(header, *certificate) : Naming::other;
    if (certificate) signer.consider(*certificate, naming);
    return naming == Naming::surely;
  });
  return signer.found();
}

bool lists_certificate(Bytes list, Bytes der, std::span<const wire::Role> roles) {
  return find_record(wire::parse_trust_list(list), roles,
                     [&](Bytes listed) { return same_bytes(listed, der); }) != nullptr;
}

bool lists_any(Bytes list, std::span<const wire::Role> roles) {
  return find_record(wire::parse_trust_list(list), roles, [](Bytes) { return true; }) != nullptr;
}

bool lists_blanked(Bytes list, std::span<const wire::Role> roles) {
  auto parsed = wire::parse_trust_list(list);
  return parsed && std::ranges::any_of(parsed->records, [&](const wire::Record& record) {
           return record.certificate.empty() && record.hash.empty() &&
                  std::ranges::find(roles, record.role) != roles.end();
         });
}

bool is_readable(Bytes list) {
  return wire::parse_trust_list(list).has_value();
}

}  // namespace anchord::trust
