#include "anchord/wire/signed_file.h"

#include <cassert>

#include "header_writer.h"

namespace anchord::wire {

Parsed<SignedFile> parse_signed_file(Bytes file) {
  Parsed<Header> header = parse_header(file);
  if (!header) return std::unexpected(header.error());
  if (header->version == kTrustListVersion) {
    return std::unexpected(ParseError{"version", "is that of a trust list, not of a signed file", 0});
  }
  Bytes content = file.subspan(header->length);
  if (header->encryption && (content.empty() || content.size() % kCipherBlock != 0)) {
    return std::unexpected(ParseError{"cipher text", "is not whole blocks of 16 bytes", header->length});
  }
  return SignedFile{.header = *header, .content = content};
}

Result<UnsignedFile> build_signed_file(const HeaderFields& fields, Bytes content) {
  assert(!fields.signer_version);
  return build_unsigned(fields.encryption ? kEncryptedFileVersion : kSignedFileVersion, fields, content);
}

}  // namespace anchord::wire
