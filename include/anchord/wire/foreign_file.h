// Signed files of versions that this format does not know: the vendor's own firmware and
// what comes with it begin with version 1.1, and their headers hold items of its own.
//
// Only the version and the header's length are required: they say where the content
// begins. Other items are shown as far as they can be read, and never judged. A parsed
// file is views into the input and valid as long as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/reader.h"
#include "anchord/wire/header.h"

namespace anchord::wire {

struct ForeignFile {
  Version version;
  std::size_t header_length = 0;
  // Empty or none where the header does not hold them in a place that can be found.
  std::string_view signer_name;
  std::string_view issuer_name;
  Bytes serial;
  std::string_view file_name;
  std::optional<std::uint32_t> timestamp;  // seconds since 1970
  Bytes content;
};

// Fails for the versions that parse_signed_file() and parse_trust_list() take, too.
Parsed<ForeignFile> parse_foreign_file(Bytes file);

}  // namespace anchord::wire
