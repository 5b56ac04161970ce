#include "anchord/crypto/certificate.h"

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/pem.h"
#include "boringssl.h"
#include "certificate_der.h"
#include "certificate_text.h"

namespace anchord::crypto {
namespace {

// When a certificate's dates cannot be read: from the beginning to the last second that
// certificates can express.
constexpr UnixSeconds kLastDate = 253402300799;  // 9999-12-31T23:59:59Z

bssl::UniquePtr<X509> parse_x509(Bytes der) {
  const std::uint8_t* at = der.data();
  bssl::UniquePtr<X509> x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (at != der.data() + der.size()) x509.reset();
  return x509;
}

// What has the DER of a certificate in front, and how long that is.
Bytes first_element(Bytes der) {
  CBS input = cbs_of(der), element;
  return CBS_get_asn1_element(&input, &element, CBS_ASN1_SEQUENCE) ? bytes_of(element) : der;
}

// Editors and mail leave these behind the end.
bool is_filling(std::uint8_t byte) {
  return byte == '\r' || byte == '\n' || byte == ' ' || byte == 0x1a;
}

std::unexpected<Error> too_many() {
  return fail(fmt::format("more than {} certificates in one file: split it", kMaxBundleCertificates));
}

// DER, one certificate behind the other.
Result<std::vector<Certificate>> all_from_elements(Bytes file) {
  std::vector<Certificate> out;
  do {
    if (out.size() == kMaxBundleCertificates) return too_many();
    Bytes element = first_element(file);
    Bytes behind = file.subspan(element.size());
    bool ends = std::ranges::all_of(behind, is_filling);
    ANCHORD_TRY_ASSIGN(auto one, Certificate::from_der(ends || looks_like_der(behind) ? element : file));
    out.push_back(std::move(one));
    file = ends ? Bytes() : behind;
  } while (!file.empty());
  return out;
}

bool is_label(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  return text.size() <= kLongest && std::ranges::all_of(text, [](char c) {
           return is_letter(c) || is_digit(c) || std::string_view(" #-").contains(c);
         });
}

Result<std::vector<Certificate>> all_from_objects(std::string_view text, std::string& other) {
  std::vector<Certificate> out;
  PemReader reader(text);
  while (auto object = reader.next()) {
    if (!is_certificate_label(object->label)) {
      if (other.empty()) other = describe_other(object->label);
      if (other.empty() && is_label(object->label))
        other = fmt::format("a PEM object '{}': give a certificate", object->label);
      continue;
    }
    if (out.size() == kMaxBundleCertificates) return too_many();
    auto certificate = Certificate::from_pem(*object);
    if (!certificate)
      return std::unexpected(
          std::move(certificate.error()).within(fmt::format("PEM certificate {}", out.size() + 1)));
    out.push_back(std::move(*certificate));
  }
  return out;
}

// Why the outermost element cannot be read.
std::string unreadable(Bytes der) {
  if (der.size() > 1 && der[1] == 0x80)
    return "not a certificate but BER of open length, as of some PKCS #7 and PKCS #12 files: use 'openssl "
           "pkcs7 -inform DER -print_certs' or 'openssl pkcs12 -nokeys' to take the certificates out";
  // DER of 256 to 65535 bytes, as every certificate is.
  std::size_t said = der.size() > 3 && der[1] == 0x82 ? std::size_t{der[2]} << 8 | der[3] : 0;
  if (said + 4 > der.size() && said > 0)
    return fmt::format(
        "a certificate that is cut short: it says that it has {} bytes, and {} are there; fetch it again",
        said + 4, der.size());
  return "not a certificate";
}

// What keeps strict parsers from taking the certificate, none of which matters to who only
// compares bytes.
void note_oddities(const CertificateParts& parts, const std::optional<PublicKey>& key, bool dated,
                   Certificate::Impl& out) {
  auto note = [&](const char* text) { out.oddities.emplace_back(text); };
  if (!parts.whole) note("it is not built as certificates are");
  if (!key) note("its key is neither RSA nor EC, or cannot be read: nothing can be verified with it");
  if (key && key->lenient) note("its RSA key lacks the NULL that belongs to it");
  if (!dated) note("its dates cannot be read");
  if (parts.first_version && parts.extended) note("it says that it is of version 1, and has extensions");
  if (!out.oddities.empty()) return;
  if (parse_x509(out.der) == nullptr) note("strict parsers do not take it");
}

}  // namespace

std::optional<CertificateFields> read_fields(Bytes der) {
  CertificateParts parts;
  if (!take_apart(der, parts)) return {};
  return parts.fields;
}

bool has_ended(Bytes der, UnixSeconds now) {
  CertificateParts parts;
  if (!take_apart(der, parts)) return false;
  auto validity = read_validity(parts.validity);
  return validity && validity->not_after < now;
}

Result<Certificate> Certificate::from_der(Bytes der) {
  if (der.size() > kMaxCertificateSize) {
    return fail(fmt::format("a certificate of {} bytes: the limit is {}", der.size(), kMaxCertificateSize));
  }
  CBS input = cbs_of(der), outer;
  if (!CBS_get_asn1(&input, &outer, CBS_ASN1_SEQUENCE)) return fail(unreadable(der));
  if (CBS_len(&input) != 0) {
    return fail(fmt::format("{} trailing bytes behind the certificate", CBS_len(&input)));
  }

  auto impl = std::make_shared<Impl>();
  impl->der = to_buffer(der);
  CertificateParts parts;
  if (std::string other = describe_other(der); !other.empty()) return fail("not a certificate but " + other);
  if (!take_apart(impl->der, parts)) return fail("not a certificate");
  impl->fields = parts.fields;
  impl->signature = parts.signature;
  if (parts.fields.serial.size() > kMaxSerialNumber) {
    return fail(fmt::format("its serial number has {} bytes: no question has room for more than {}",
                            parts.fields.serial.size(), kMaxSerialNumber));
  }

  auto subject = Name::from_der(impl->fields.subject_der);
  if (!subject) return std::unexpected(std::move(subject.error()).within("the certificate's subject"));
  auto issuer = Name::from_der(impl->fields.issuer_der);
  if (!issuer) return std::unexpected(std::move(issuer.error()).within("the certificate's issuer"));
  impl->subject = std::move(*subject);
  impl->issuer = std::move(*issuer);

  auto key = read_public_key(parts.key_info);
  auto validity = read_validity(parts.validity);
  note_oddities(parts, key, validity.has_value(), *impl);
  if (key) {
    impl->key = std::move(key->key);
    impl->public_key = key->raw;
  }
  impl->not_before = validity ? validity->not_before : 0;
  impl->not_after = validity ? validity->not_after : kLastDate;
  impl->sha256 = crypto::sha256(impl->der);
  return Certificate(std::move(impl));
}

Result<Certificate> Certificate::from_pem(const PemObject& object) {
  if (!object.ended) return fail("damaged PEM: its END line is missing; copy all of it");
  auto der = decode_base64(object.base64);
  if (!der) return fail("damaged PEM: it is not base64; copy it again as plain text");
  // OpenSSL appends what it trusts the certificate for.
  bool trusted = object.label.starts_with("TRUSTED");
  return from_der(trusted ? first_element(*der) : Bytes(*der));
}

Result<std::vector<Certificate>> Certificate::all_from(Bytes file) {
  std::string other;
  if (file.empty()) return fail("it is empty: give a certificate in PEM or DER");
  if (looks_like_der(file) && !is_text(file)) {
    auto all = all_from_elements(file);
    // No text that is PEM begins as DER does, but for a comment such as "0: the first one".
    if (all || !as_text(file).contains("-----BEGIN ")) return all;
  }
  Buffer content = plain_text(file);
  auto all = all_from_objects(as_text(content), other);
  if (!all || !all->empty()) return all;
  auto bytes = other.empty() ? decode_text(as_text(content)) : std::nullopt;
  if (bytes && looks_like_der(*bytes)) return all_from_elements(*bytes);
  // PEM in base64, as Kubernetes keeps it.
  if (bytes && as_text(*bytes).contains("-----BEGIN ")) {
    all = all_from_objects(as_text(*bytes), other);
    if (!all || !all->empty()) return all;
  }
  if (other.empty()) other = describe_other(content);
  if (!other.empty()) return fail(fmt::format("no certificate but {}", other));
  return fail("no certificate in it, neither PEM nor DER");
}

Result<Certificate> Certificate::from_pem_or_der(Bytes file) {
  ANCHORD_TRY_ASSIGN(auto all, all_from(file));
  if (all.size() > 1)
    return fail(fmt::format("{} certificates where one must be: split the file", all.size()));
  return std::move(all.front());
}

Bytes Certificate::der() const {
  return impl_->der;
}
const Name& Certificate::subject() const {
  return impl_->subject;
}
const Name& Certificate::issuer() const {
  return impl_->issuer;
}
Bytes Certificate::subject_der() const {
  return impl_->fields.subject_der;
}
Bytes Certificate::issuer_der() const {
  return impl_->fields.issuer_der;
}
Bytes Certificate::serial() const {
  return impl_->fields.serial;
}
Bytes Certificate::signature() const {
  return impl_->signature;
}
Bytes Certificate::public_key_raw() const {
  return impl_->public_key;
}
unsigned Certificate::key_bits() const {
  return impl_->key == nullptr ? 0 : static_cast<unsigned>(EVP_PKEY_bits(impl_->key.get()));
}
std::span<const std::string> Certificate::oddities() const {
  return impl_->oddities;
}
UnixSeconds Certificate::not_before() const {
  return impl_->not_before;
}
UnixSeconds Certificate::not_after() const {
  return impl_->not_after;
}
const Sha256& Certificate::sha256() const {
  return impl_->sha256;
}

KeyType Certificate::key_type() const {
  if (impl_->key == nullptr) return KeyType::other;
  return EVP_PKEY_id(impl_->key.get()) == EVP_PKEY_RSA ? KeyType::rsa : KeyType::ec;
}

std::string Certificate::to_pem() const {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio(bio.get(), PEM_STRING_X509, "", impl_->der.data(), static_cast<long>(impl_->der.size()));
  const std::uint8_t* content = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(bio.get(), &content, &size);
  return std::string(as_text({content, size}));
}

bool Certificate::self_signed() const {
  if (impl_->key == nullptr || !same_bytes(issuer_der(), subject_der())) return false;
  bssl::UniquePtr<X509> x509 = parse_x509(impl_->der);
  bool verified = x509 != nullptr && X509_verify(x509.get(), impl_->key.get()) == 1;
  ERR_clear_error();
  return verified;
}

bool Certificate::verify(Digest digest, std::span<const Bytes> parts, Bytes signature) const {
  if (key_type() != KeyType::rsa) return false;
  bssl::ScopedEVP_MD_CTX context;
  bool ok = EVP_DigestVerifyInit(context.get(), nullptr, evp_digest(digest), nullptr, impl_->key.get()) == 1;
  for (Bytes part : parts) ok = ok && EVP_DigestVerifyUpdate(context.get(), part.data(), part.size()) == 1;
  ok = ok && EVP_DigestVerifyFinal(context.get(), signature.data(), signature.size()) == 1;
  ERR_clear_error();
  return ok;
}

Result<Buffer> Certificate::encrypt(Bytes secret) const {
  if (key_type() != KeyType::rsa) {
    return fail(fmt::format("nothing can be encrypted to {} key: use a certificate with an RSA key",
                            key_type() == KeyType::ec ? "an EC" : "this"));
  }
  RSA* rsa = EVP_PKEY_get0_RSA(impl_->key.get());
  Buffer out(RSA_size(rsa));
  std::size_t size = 0;
  if (RSA_encrypt(rsa, &size, out.data(), out.size(), secret.data(), secret.size(), RSA_PKCS1_PADDING) != 1) {
    return fail(
        fmt::format("encrypting to an RSA key of {} bits failed: {}", key_bits(), take_library_error()));
  }
  out.resize(size);
  return out;
}

std::string short_hash(const Certificate& certificate) {
  return std::string(short_hash(to_hex(certificate.sha256())));
}

}  // namespace anchord::crypto
