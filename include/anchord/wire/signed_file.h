// Signed files: NAME.sgn, a header and then the file's own bytes. The content of
// encrypted ones, NAME.enc.sgn, is the cipher text.
//
// A parsed file is views into the input and valid as long as it is. Failures:
// ParseError for a file that is not well-formed, Error for values that the format
// cannot hold. Source: the phones' formats, docs/formats.md.
#pragma once

#include "anchord/wire/header.h"

namespace anchord::wire {

struct SignedFile {
  Header header;
  Bytes content;
};

Parsed<SignedFile> parse_signed_file(Bytes file);

// `fields.file_name` is the name as served, `.sgn` included, relative to the
// provisioning root. `fields.signer_version` must not be set; with `fields.encryption`
// it is an encrypted file. The header does not depend on the content.
Result<UnsignedFile> build_signed_file(const HeaderFields& fields, Bytes content);

}  // namespace anchord::wire
