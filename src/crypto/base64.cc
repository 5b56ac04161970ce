#include "anchord/crypto/base64.h"

#include <openssl/base64.h>

#include <cstdint>

namespace anchord::crypto {

std::string to_base64(std::string_view bytes) {
  // With room for the NUL that the library writes behind the digits.
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  out.resize(EVP_EncodeBlock(reinterpret_cast<std::uint8_t*>(out.data()),
                             reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3, '\0');
  std::size_t size = 0;
  if (EVP_DecodeBase64(reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size(),
                       reinterpret_cast<const std::uint8_t*>(text.data()), text.size()) != 1) {
    return {};
  }
  out.resize(size);
  return out;
}

}  // namespace anchord::crypto
