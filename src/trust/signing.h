// What trust lists and signed files have in common: how a signer is named in a
// header, how the signature is made, and how it is checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/digest.h"
#include "anchord/trust/cluster.h"
#include "anchord/wire/header.h"

namespace anchord::trust {

crypto::Digest to_crypto(wire::Digest digest);

// Header fields with the texts they refer to.
class SignerHeader {
 public:
  // Fails when the signer cannot sign, or the time does not fit the format.
  static Result<SignerHeader> make(std::string_view file_name, const Identity& signer,
                                   const SigningSettings& signing, UnixSeconds timestamp);

  // Views into this object and into the signer's certificate.
  wire::HeaderFields fields() const;

 private:
  explicit SignerHeader(const crypto::Certificate& signer) : signer_(signer) {}
  crypto::Certificate signer_;
  std::string file_name_;
  std::string signer_name_;
  std::string issuer_name_;
  wire::Digest digest_ = wire::Digest::sha512;
  std::uint8_t modulus_code_ = 0;
  std::uint32_t timestamp_ = 0;
};

// The signature is over the file and the content behind it, which is no part of what
// is returned.
Result<Buffer> sign(wire::UnsignedFile file, const Identity& signer, wire::Digest digest, Bytes content = {});

// The header of a signed file, or of one whose content is encrypted as said.
Result<Buffer> file_header(std::string_view name, Bytes content,
                           const std::optional<wire::Encryption>& encryption, const Identity& signer,
                           const SigningSettings& signing, UnixSeconds timestamp);

// How a header or a question names a certificate: by serial number and issuer, and by
// subject where there is one. Names that others have written need not be spelled as the
// certificate's are (crypto::name_fits()): such a one may be meant.
enum class Naming { other, perhaps, surely };

struct NamedBy {
  std::string_view subject;  // empty: not given
  std::string_view issuer;
  Bytes serial;
};

Naming naming_of(const NamedBy& named, const crypto::Certificate& certificate);
Naming naming_of(const wire::Header& header, const crypto::Certificate& signer);

// Finds the one of several certificates that a list names: the one that it surely means, else the only one
// that it may mean. A certificate that is considered twice counts once.
class NamedCertificate {
 public:
  void consider(const crypto::Certificate& certificate, Naming naming);
  const std::optional<crypto::Certificate>& found() const { return surely_ || !ambiguous_ ? found_ : none_; }

 private:
  std::optional<crypto::Certificate> found_;
  std::optional<crypto::Certificate> none_;
  bool surely_ = false;
  bool ambiguous_ = false;
};

// Checks that the signer is named and that the signature is theirs: over the file, and
// the content behind it where that is not in the file.
Status check_signature(Bytes file, const wire::Header& header, const crypto::Certificate& signer,
                       Bytes content = {});

}  // namespace anchord::trust
