// Serial numbers of certificates as files and peers write them: big-endian, with or
// without leading zero bytes. Zero is written as one zero byte, or as no byte at all.
#pragma once

#include "anchord/base/bytes.h"

namespace anchord {

// The one form of a number: without leading zero bytes, so that zero is empty. A view
// into `written`.
inline Bytes significant(Bytes written) {
  while (!written.empty() && written[0] == 0) written = written.subspan(1);
  return written;
}

inline bool same_number(Bytes a, Bytes b) {
  return same_bytes(significant(a), significant(b));
}

}  // namespace anchord
