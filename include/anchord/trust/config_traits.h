// By what a copy of a phone's configuration is told, whatever it is called, wherever it lies and
// however it has suffered: cut, joined with others, in an editor's swap file, in another
// encoding, compressed. A backup that somebody leaves beside it holds the same secrets, and
// would be served in the clear.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::trust {

struct ConfigTraits {
  std::string root;             // the first element's name; empty where the file does not begin as XML does
  bool is_part = false;         // has elements that a phone's configuration has, wherever
  bool has_secrets = false;     // has elements with a password or the like, which are not empty
  bool ends_in_secret = false;  // within the text of one: as a copy does that was cut short
  // "xz", where the file is packed in a way that nothing of it can be seen; else empty.
  std::string packed;
  // Hashes, sorted, of the values that are secret; of a configuration or a part of one also of
  // those that are one phone's alone, and of a whole <device>. Two files that share one share
  // a secret.
  std::vector<std::uint64_t> values;

  bool is_configuration() const { return root == "device"; }
  bool operator==(const ConfigTraits&) const = default;
};

// Whether what is there begins as XML does, in whatever encoding: firmware and pictures are large, and
// told at a glance.
bool may_be_xml(Bytes document);

// Bytes that config_traits() takes for the moment, beside what any XML takes; rather more than less.
std::uint64_t memory_of_traits(Bytes document);

// Elements are told by what they look like: nothing need be well-formed. Looks into gzip and ZIP,
// one in the other too and wherever they begin, up to a limit; and into base64, hexadecimal and URLs'
// escapes.
ConfigTraits config_traits(Bytes document);

}  // namespace anchord::trust
