#include "anchord/trust/evidence.h"

#include <algorithm>
#include <utility>

namespace anchord::trust {

std::string_view evidence_name(Evidence evidence) {
  switch (evidence) {
    case Evidence::ordinary:
      return "ordinary";
    case Evidence::strict:
      return "strict";
    case Evidence::nothing:
      return "nothing";
  }
  std::unreachable();
}

std::optional<Evidence> evidence_from_name(std::string_view name) {
  auto found = std::ranges::find(kEvidence, name, evidence_name);
  if (found == kEvidence.end()) return std::nullopt;
  return *found;
}

}  // namespace anchord::trust
