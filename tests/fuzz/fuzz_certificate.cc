// What the request path reads of a certificate is what a Certificate says, and a
// certificate is the same after PEM.
#include "anchord/crypto/certificate.h"
#include "fuzz.h"

using namespace anchord;
using namespace anchord::crypto;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  auto fields = read_fields(input);
  auto certificate = Certificate::from_der(input);
  if (!certificate) return 0;

  require(fields.has_value(), "what a Certificate accepts can be looked up");
  require(same_bytes(fields->serial, certificate->serial()), "the serial number is the same");
  require(same_bytes(fields->issuer_der, certificate->issuer_der()), "the issuer is the same");
  require(same_bytes(fields->subject_der, certificate->subject_der()), "the subject is the same");
  require(!certificate->serial().empty(), "there is a serial number");
  NormalName normal;
  require(normal.from_der(fields->issuer_der), "the issuer has a normal form");
  require(normal.from_der(fields->subject_der), "the subject has a normal form");

  (void)certificate->self_signed();
  auto again = Certificate::from_pem_or_der(as_bytes(certificate->to_pem()));
  require(again.has_value() && *again == *certificate, "it is the same after PEM");
  return 0;
}
