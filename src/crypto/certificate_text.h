// A certificate as text that is neither PEM nor DER: what people copy out of databases,
// programs, tokens and consoles.
#pragma once

#include <optional>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord::crypto {

// A file without what people's programs put around its content: a byte order mark, UTF-16
// where the text is ASCII, and the escapes of addresses ("-----BEGIN%20CERTIFICATE-----").
Buffer plain_text(Bytes file);

// Whether it is nothing but printable ASCII and blanks: a text may begin with DER's 0x30, which
// is the digit 0.
bool is_text(Bytes file);

// The bytes that the whole text stands for, in quotes or not: hexadecimal as DER begins
// ("30 82 ...", "30:82:...", "0x30, 0x82, ...", "\x30\x82...", "X'3082...'"), else base64 of
// either alphabet. Nothing when it is neither.
std::optional<Buffer> decode_text(std::string_view text);

// What a text is that stands for no certificate, and what to do about it; as describe_other().
const char* describe_text(std::string_view text);

}  // namespace anchord::crypto
