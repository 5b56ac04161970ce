// Bytes as lower-case hexadecimal text and back.
#pragma once

#include <optional>
#include <string>

#include "anchord/base/bytes.h"

namespace anchord {

std::string to_hex(Bytes bytes);

// Upper or lower case; white space and colons between bytes are skipped.
std::optional<Buffer> from_hex(std::string_view text);

}  // namespace anchord
