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
  std::optional<crypto::Certificate> found;
  find_record(wire::parse_trust_list(list), roles, [&](Bytes der) {
    auto certificate = crypto::Certificate::from_der(der);
    if (!certificate || !names_signer(header, *certificate)) return false;
    found = std::move(*certificate);
    return true;
  });
  return found;
}

bool lists_certificate(Bytes list, Bytes der, std::span<const wire::Role> roles) {
  return find_record(wire::parse_trust_list(list), roles,
                     [&](Bytes listed) { return same_bytes(listed, der); }) != nullptr;
}

bool lists_any(Bytes list, std::span<const wire::Role> roles) {
  return find_record(wire::parse_trust_list(list), roles, [](Bytes) { return true; }) != nullptr;
}

bool is_readable(Bytes list) {
  return wire::parse_trust_list(list).has_value();
}

}  // namespace anchord::trust
