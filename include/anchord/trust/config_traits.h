// By what a copy of a phone's configuration is told, whatever it is called: a backup that
// an editor leaves beside it holds the same secrets, and would be served in the clear.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"

namespace anchord::trust {

struct ConfigTraits {
  std::string root;  // the root element's name; empty where there is no XML
  // Of a root <device> only: hashes of the values that are secret or one phone's alone,
  // and of the whole. Two configurations that share one share a secret.
  std::vector<std::uint64_t> values;

  bool is_configuration() const { return root == "device"; }
};

// Reads as far as the document is well-formed: a cut copy is one too.
ConfigTraits config_traits(Bytes document);

}  // namespace anchord::trust
