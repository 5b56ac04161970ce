// What lies compressed in a file: gzip streams and the entries of ZIP archives, wherever they
// begin, so that those in a tar or behind a vendor's header are found too.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord::trust {

// Of one file, in bytes: a small file can unpack to any size.
constexpr std::size_t kMaxUnpacked = std::size_t{32} << 20;

// `take` gets each as a whole, or as far as it is good, and what is packed in it after it.
void unpack(Bytes file, const std::function<void(Bytes content)>& take);

// "xz", of a file that nothing here unpacks, as its first bytes say; else empty.
std::string_view packed_otherwise(Bytes file);

}  // namespace anchord::trust
