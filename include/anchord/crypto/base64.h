// Base64 as programs write it for each other (RFC 4648, section 4): one alphabet, with its '=' at the end,
// and nothing between the digits. What people have is pem.h's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace anchord::crypto {

std::string to_base64(std::string_view bytes);

// Nothing when it is not exactly that.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace anchord::crypto
