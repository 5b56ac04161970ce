// Puts a header in front of content.
#pragma once

#include "anchord/wire/header.h"

namespace anchord::wire {

// Fails when a name or the header as a whole is too long for the format.
Result<UnsignedFile> build_unsigned(Version version, const HeaderFields& fields, Bytes content);

}  // namespace anchord::wire
