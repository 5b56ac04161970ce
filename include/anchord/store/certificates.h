// The certificates that the verification service answers for. The whole list is Store::load()'s `known`; what
// changes it is in lifecycle.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "anchord/base/error.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

enum class Added : std::uint8_t { added, replaced };

// Finds one by the SHA-256 of its DER in hexadecimal (colons and upper case are taken), or by its first
// digits if no other begins so. The cluster's own are found, too.
Result<trust::KnownCertificate> find_certificate(Store& store, std::string_view sha256_prefix);

}  // namespace anchord::store
