// What lies compressed in a file: gzip streams and the entries of ZIP archives, wherever they
// begin, so that those in a tar or behind a vendor's header are found too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord::trust {

// The largest unpacked size of one file, in bytes: a small file can unpack to any size.
constexpr std::size_t kMaxUnpacked = std::size_t{32} << 20;

// Bytes that unpacking a file takes for the moment, beside a little; rather more than less.
std::uint64_t most_unpacked(Bytes file);

// `take` gets each as a whole, or as far as it is good, and what is packed in it after it. Returns
// how something of the file is packed that is not unpacked here, "xz"; mostly empty. Throws std::bad_alloc
// where there is no memory: what was not looked into may hold a secret.
std::string_view unpack(Bytes file, const std::function<void(Bytes content)>& take);

}  // namespace anchord::trust
