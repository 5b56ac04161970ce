// What people give where a certificate is asked for.
#include <openssl/bytestring.h>

#include <algorithm>
#include <array>

#include "anchord/base/ascii.h"
#include "anchord/crypto/pem.h"
#include "boringssl.h"
#include "certificate_text.h"

namespace anchord::crypto {
namespace {

constexpr char kRequest[] = "a certificate request: give the certificate that the authority has made of it";
constexpr char kPrivateKey[] = "a private key: give the certificate that belongs to it";
constexpr char kPublicKey[] = "a public key: give the certificate that holds it";
constexpr char kRevocations[] = "a certificate revocation list (CRL): give a certificate";
constexpr char kPkcs7[] =
    "a PKCS #7 file: use 'openssl pkcs7 -print_certs' (with '-inform DER' unless it is text) to take the "
    "certificates out";
constexpr char kPkcs12[] = "a PKCS #12 file: use 'openssl pkcs12 -nokeys' to take the certificates out";
constexpr char kSshKey[] = "an SSH key: give an X.509 certificate";

struct Meaning {
  std::string_view what;
  const char* text;
};

constexpr auto kLabels = std::to_array<Meaning>({
    {"CERTIFICATE REQUEST", kRequest},
    {"NEW CERTIFICATE REQUEST", kRequest},
    {"X509 CRL", kRevocations},
    {"PKCS7", kPkcs7},
    {"PKCS #7 SIGNED DATA", kPkcs7},
    {"CMS", kPkcs7},
    {"OPENSSH PRIVATE KEY", kSshKey},
    {"ATTRIBUTE CERTIFICATE", "an attribute certificate: give the certificate of a key"},
});

constexpr auto kBeginnings = std::to_array<Meaning>({
    {std::string_view("\x01\x00\x02", 3),
     "a trust list or a signed file of phones: 'anchorctl itl show' and 'anchorctl file show' read these"},
    {"SQLite format 3",
     "an SQLite database: of the open tvsd's, 'anchorctl cert import' takes the certificates"},
    {std::string_view("\0\0\0\0CERT", 8), "a certificate store of Windows': export the certificate from it"},
    {"%PDF", "a PDF document: give a certificate in PEM or DER"},
    {"\x89PNG", "an image: give a certificate in PEM or DER"},
    {"\xfe\xed\xfe\xed", "a Java key store: use 'keytool -exportcert -rfc' to take the certificate out"},
    {"\xce\xce\xce\xce", "a Java key store: use 'keytool -exportcert -rfc' to take the certificate out"},
    {"PK\x03\x04", "a ZIP archive: unpack it"},
    {"\x1f\x8b", "a gzip archive: unpack it"},
    {"ssh-", kSshKey},
    {"ecdsa-sha2-", kSshKey},
    {"---- BEGIN SSH2", kSshKey},
    {"<!DOCTYPE", "a web page: the server that it comes from has answered something else than the file"},
    {"<html", "a web page: the server that it comes from has answered something else than the file"},
});

// The tags of the elements of a sequence, as many as fit.
struct Tags {
  static constexpr std::size_t kMost = 6;
  std::array<unsigned, kMost> tags{};
  std::array<CBS, kMost> contents{};
  std::size_t count = 0;

  bool read(CBS sequence) {
    for (; CBS_len(&sequence) > 0 && count < kMost; ++count)
      if (!CBS_get_any_asn1(&sequence, &contents[count], &tags[count])) return false;
    return count > 0;
  }
  bool are(std::initializer_list<unsigned> wanted) const {
    return count >= wanted.size() && std::ranges::equal(wanted, std::span(tags).first(wanted.size()));
  }
};

constexpr unsigned kSeq = CBS_ASN1_SEQUENCE, kInt = CBS_ASN1_INTEGER, kBits = CBS_ASN1_BITSTRING,
                   kOid = CBS_ASN1_OBJECT, kOctets = CBS_ASN1_OCTETSTRING;

// Signed by somebody: what stands before the signature says what it is.
const char* describe_signed(const CBS& body) {
  Tags in;
  if (!in.read(body)) return nullptr;
  std::size_t version = in.tags[0] == kInt ? 1 : 0;
  constexpr unsigned kAttributes = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
  bool request =
      in.are({kInt, kSeq, kSeq}) && (in.count == 3 || (in.count == 4 && in.tags[3] == kAttributes));
  if (request) return kRequest;
  bool names_issuer = in.count > version + 2 && in.tags[version] == kSeq && in.tags[version + 1] == kSeq;
  bool has_time = names_issuer && (in.tags[version + 2] == CBS_ASN1_UTCTIME ||
                                   in.tags[version + 2] == CBS_ASN1_GENERALIZEDTIME);
  return has_time ? kRevocations : nullptr;
}

const char* describe_der(Bytes file) {
  CBS input = cbs_of(file), outer;
  Tags in;
  if (!CBS_get_asn1(&input, &outer, kSeq) || !in.read(outer)) return nullptr;
  if (in.count == 3 && in.are({kSeq, kSeq, kBits})) return describe_signed(in.contents[0]);
  if (in.are({kInt, kSeq})) {
    Tags inside;
    bool algorithm = inside.read(in.contents[1]) && inside.tags[0] == kOid;
    constexpr std::uint8_t kPkcs12Version = 3;
    if (CBS_len(&in.contents[0]) == 1 && CBS_data(&in.contents[0])[0] == kPkcs12Version && algorithm)
      return kPkcs12;
    return algorithm && in.count > 2 && in.tags[2] == kOctets ? kPrivateKey : nullptr;
  }
  if (in.are({kOid})) return kPkcs7;
  if (in.are({kInt, kOctets}) || in.are({kInt, kInt, kInt})) return kPrivateKey;
  if (in.count == 2 && in.are({kSeq, kOctets})) return kPrivateKey;  // under a passphrase
  if (in.count == 2 && (in.are({kSeq, kBits}) || in.are({kInt, kInt}))) return kPublicKey;
  return nullptr;
}

}  // namespace

std::string describe_other(std::string_view label) {
  for (const Meaning& known : kLabels)
    if (known.what == label) return known.text;
  if (label.ends_with("PRIVATE KEY")) return kPrivateKey;
  if (label.ends_with("PUBLIC KEY")) return kPublicKey;
  if (label.ends_with("PARAMETERS")) return "a key's parameters: give a certificate";
  if (label.starts_with("PGP ")) return "a PGP file: give an X.509 certificate";
  return {};
}

std::string describe_other(Bytes file) {
  for (const Meaning& known : kBeginnings)
    if (starts_ignoring_case(as_text(file), known.what)) return known.text;
  const char* known =
      looks_like_der(file) && !is_text(file) ? describe_der(file) : describe_text(as_text(file));
  return known == nullptr ? std::string() : known;
}

}  // namespace anchord::crypto
