// What lies in a file as text that stands for bytes: base64 of either alphabet, hexadecimal digits, and
// the escapes of URLs, wherever they begin.
#pragma once

#include <cstdint>
#include <functional>

#include "anchord/base/bytes.h"

namespace anchord::trust {

// Bytes that such text stands for, in all; rather more than less.
std::uint64_t most_decoded(Bytes file);

// `take` gets what each stretch of such text stands for, once for each way to read it, piece by piece;
// `end` is called behind the last one of each.
void decode_text(Bytes file, const std::function<void(Bytes piece)>& take, const std::function<void()>& end);

}  // namespace anchord::trust
