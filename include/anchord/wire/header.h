// The header that trust lists and signed files begin with, and the file around it
// before and after it is signed.
//
// Every item is `tag u8, length u16, value`, big-endian; padding (tag 13) is a
// single byte. Lengths and offsets are in bytes from the start of the file. What
// is read are views into the file and valid as long as it is. Failures: ParseError
// for a file that is not well-formed, Error for values that the format cannot
// hold. Nothing here judges a signature. Source: the phones' formats,
// docs/formats.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/base/reader.h"

namespace anchord::wire {

struct Version {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  auto operator<=>(const Version&) const = default;
};

// The version tells the kinds of file apart; each parser takes its own only, so
// that a signed configuration file can never pass for a trust list.
constexpr Version kTrustListVersion{1, 2};
constexpr Version kSignedFileVersion{1, 0};
constexpr Version kEncryptedFileVersion{2, 0};

enum class Digest : std::uint8_t { sha1 = 1, sha256 = 2, sha512 = 3 };

std::string_view digest_name(Digest digest);  // "sha1", "sha256", "sha512"
std::size_t digest_size(Digest digest);       // 20, 32, 64

// What a record's certificate is trusted for. A file may carry other numbers.
enum class Role : std::uint16_t {
  sast = 0,
  ccm = 1,
  ccm_tftp = 2,
  tftp = 3,
  capf = 4,
  app_server = 7,
  tvs = 21,
};

struct RoleName {
  Role role;
  std::string_view name;
};
inline constexpr std::array<RoleName, 7> kRoles{{
    {Role::sast, "sast"},
    {Role::ccm, "ccm"},
    {Role::ccm_tftp, "ccm+tftp"},
    {Role::tftp, "tftp"},
    {Role::capf, "capf"},
    {Role::app_server, "app-server"},
    {Role::tvs, "tvs"},
}};

std::string_view role_name(Role role);  // "unknown" for any other number
std::optional<Role> role_from_name(std::string_view name);
bool is_known(Role role);

std::string role_text(Role role);                     // "sast", "unknown 9"
std::string roles_text(std::span<const Role> roles);  // "sast,tftp"
std::string role_choice();                            // "sast, ccm, ... or tvs"

// Content is encrypted in blocks of 16 bytes, the plain text with 1 to 16 pad bytes.
constexpr std::size_t kCipherBlock = 16;
constexpr std::uint8_t kPadByte = 0x0d;

// The one key algorithm known, of item 24: PKCS #1 v1.5.
constexpr std::uint8_t kRsaPkcs1 = 1;

// Items 16 to 27, in files of version 2.0: how the content was encrypted.
struct Encryption {
  Bytes iv;                      // kCipherBlock bytes
  std::uint16_t pad_length = 0;  // pad bytes after the plain text
  std::uint16_t key_bits = 0;    // of encrypted_key
  std::uint8_t key_algorithm = kRsaPkcs1;
  Bytes encrypted_key;  // the AES key under the phone's RSA key
  Digest digest = Digest::sha1;
  Bytes digest_value;  // of the plain text before padding
};

// What a writer is told. Names are text as it shall stand in the file, without
// the final NUL.
struct HeaderFields {
  std::optional<Version> signer_version;  // trust lists only
  std::string_view signer_name;
  std::string_view issuer_name;
  Bytes serial;  // no leading zero byte
  Digest digest = Digest::sha512;
  std::uint8_t modulus_code = 0;  // see modulus_code()
  std::string_view file_name;
  std::uint32_t timestamp = 0;           // seconds since 1970
  std::optional<Encryption> encryption;  // exactly in files of version 2.0
};

// What a reader finds: a header read from a file can be handed to a writer.
struct Header : HeaderFields {
  Version version;
  std::size_t length = 0;                // up to the content, signature item included
  std::uint8_t signature_algorithm = 0;  // 0, RSA; any other is refused
  Bytes signature;
  std::size_t signature_offset = 0;  // of the signature item, not of its value
  std::size_t padding = 0;           // bytes
};

// The format knows RSA moduli of 64, 128, 256 and 512 bytes; Error names the key
// sizes to use for any other.
Result<std::uint8_t> modulus_code(std::size_t modulus_bytes);
std::optional<std::size_t> modulus_size(std::uint8_t code);

// Takes the header in front of any content; the items in any order.
Parsed<Header> parse_header(Bytes file);

// What the signature is over: the file without its signature item.
struct SignedParts {
  Bytes before;
  Bytes after;
};
SignedParts signed_parts(Bytes file, const Header& header);

// A whole file that lacks only its signature item. The signature is made over
// `bytes`, whose header length already counts the item.
struct UnsignedFile {
  Buffer bytes;
  std::size_t signature_at = 0;
  std::size_t signature_size = 0;  // the signature must have it
};
Buffer insert_signature(UnsignedFile file, Bytes signature);

}  // namespace anchord::wire
