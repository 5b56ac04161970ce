// Private keys as the engine has them: sealed under the cluster's key, which the engine never sees.
//
// "AK1", 12 bytes of nonce, then AES-256-GCM. What goes with it in the clear is the key's name in the engine
// and the certificate that it is of, so that none can be put in another one's place.
#pragma once

#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/crypto/secret.h"

namespace anchord::store {

// `cluster_key` has crypto::kAeadKey bytes; `certificate` is in DER, and empty of what belongs to none.
std::string seal_key(Bytes cluster_key, std::string_view name, std::string_view certificate, Bytes key);

// Fails where it was changed, or is sealed under another key.
Result<crypto::Secret> open_key(Bytes cluster_key, std::string_view name, std::string_view certificate,
                                std::string_view sealed);

}  // namespace anchord::store
