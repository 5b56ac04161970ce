// Signed provisioning files (NAME.sgn): a signed header in front of the file's
// own bytes. The format is described in docs/formats.md ("protocols of the phones").
//
// Times are seconds since 1970.
#pragma once

#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"
#include "anchord/wire/signed_file.h"

namespace anchord::trust {

// `name` is the signed file's own, as phones ask for it: with `.sgn`, and with the
// folder below the provisioning root ("New_Zealand/g3-tones.xml.sgn"). Fails when
// the signer has no key or is not RSA.
Result<Buffer> sign_file(std::string_view name, Bytes content, const Identity& signer,
                         const SigningSettings& signing, UnixSeconds timestamp);

// The signature header alone: header followed by content is the signed file.
Result<Buffer> sign_header(std::string_view name, Bytes content, const Identity& signer,
                           const SigningSettings& signing, UnixSeconds timestamp);

// Whether `header` is the signature header by `signer`, under that name, of exactly
// that content; of an encrypted file too, whose content is the cipher text.
Status verify_header(std::string_view name, Bytes header, Bytes content, const crypto::Certificate& signer);

// The parsed file (views into `file`) when `signer` signed it.
Result<wire::SignedFile> verify_signed_file(Bytes file, const crypto::Certificate& signer);

}  // namespace anchord::trust
