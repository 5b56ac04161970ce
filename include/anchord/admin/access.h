// Who may ask the admin endpoint, and whether on TLS: a certificate and a bearer token, each from a file.
//
// Both files must belong to nobody that others could be: one that others may read, or that group or others
// may write to, is refused.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "anchord/base/error.h"
#include "anchord/crypto/secret.h"
#include "anchord/crypto/tls.h"

namespace anchord::admin {

// Characters of a token. Shorter ones can be guessed.
inline constexpr std::size_t kShortestToken = 16;
inline constexpr std::size_t kLongestToken = 512;

struct Access {
  std::optional<crypto::TlsContext> tls;
  std::optional<crypto::Secret> token;
};

// One line of RFC 6750's characters: letters, digits and -._~+/=
Result<crypto::Secret> read_token(const std::filesystem::path& file);

// PEM: a certificate and its private key, in either order. One that has ended is taken, and browsers
// will say so.
Result<crypto::TlsContext> read_tls(const std::filesystem::path& file);

// An empty path: without it.
Result<Access> read_access(const std::filesystem::path& tls, const std::filesystem::path& token);

}  // namespace anchord::admin
