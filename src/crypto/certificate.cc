#include "anchord/crypto/certificate.h"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "boringssl.h"

namespace anchord::crypto {
namespace {

constexpr unsigned kVersionTag = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;

// RFC 5280, section 4.1, as far as this module looks into it.
struct Parts {
  CBS serial, issuer, subject, key_info, signature;
};

bool take_apart(Bytes der, Parts& out) {
  CBS input = cbs_of(der), outer, tbs;
  if (!CBS_get_asn1(&input, &outer, CBS_ASN1_SEQUENCE) || CBS_len(&input) != 0) return false;
  if (!CBS_get_asn1(&outer, &tbs, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&outer, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&outer, &out.signature, CBS_ASN1_BITSTRING) || CBS_len(&outer) != 0) {
    return false;
  }
  std::uint8_t unused_bits = 0;
  if (!CBS_get_u8(&out.signature, &unused_bits) || unused_bits != 0) return false;

  if (!CBS_get_optional_asn1(&tbs, nullptr, nullptr, kVersionTag) ||
      !CBS_get_asn1(&tbs, &out.serial, CBS_ASN1_INTEGER) || CBS_len(&out.serial) == 0 ||
      !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_element(&tbs, &out.issuer, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_element(&tbs, &out.subject, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_element(&tbs, &out.key_info, CBS_ASN1_SEQUENCE)) {
    return false;
  }
  return true;
}

CertificateFields fields_of(const Parts& parts) {
  Bytes serial = bytes_of(parts.serial);
  while (serial.size() > 1 && serial[0] == 0) serial = serial.subspan(1);
  return {.issuer_der = bytes_of(parts.issuer), .subject_der = bytes_of(parts.subject), .serial = serial};
}

// The content of the BIT STRING, and the key in it.
Status read_key(CBS key_info, Certificate::Impl& out) {
  constexpr const char* kUnsupported = "unsupported key in the certificate: use RSA or EC";
  CBS info, bits = {}, whole = key_info;
  out.key.reset(EVP_parse_public_key(&whole));
  ERR_clear_error();
  std::uint8_t unused_bits = 0;
  if (out.key == nullptr || !CBS_get_asn1(&key_info, &info, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&info, nullptr, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&info, &bits, CBS_ASN1_BITSTRING) ||
      !CBS_get_u8(&bits, &unused_bits) || unused_bits != 0) {
    return fail(kUnsupported);
  }
  out.public_key = bytes_of(bits);
  int type = EVP_PKEY_id(out.key.get());
  if (type == EVP_PKEY_RSA) return {};
  constexpr std::uint8_t kUncompressed = 4;
  if (type == EVP_PKEY_EC && out.public_key[0] == kUncompressed) return {};
  return fail(kUnsupported);
}

Status read_dates(const X509& x509, Certificate::Impl& out) {
  bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  auto seconds = [&](const ASN1_TIME* time, UnixSeconds& at) {
    int days = 0, rest = 0;
    if (!ASN1_TIME_diff(&days, &rest, epoch.get(), time)) return false;
    at = UnixSeconds{days} * kSecondsPerDay + rest;
    return true;
  };
  bool ok = seconds(X509_get0_notBefore(&x509), out.not_before) &&
            seconds(X509_get0_notAfter(&x509), out.not_after);
  ERR_clear_error();
  if (!ok) return fail("the certificate's dates cannot be read");
  return {};
}

bssl::UniquePtr<X509> parse_x509(Bytes der) {
  const std::uint8_t* at = der.data();
  bssl::UniquePtr<X509> x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (at != der.data() + der.size()) x509.reset();
  return x509;
}

}  // namespace

std::optional<CertificateFields> read_fields(Bytes der) {
  Parts parts;
  if (!take_apart(der, parts)) return {};
  return fields_of(parts);
}

Result<Certificate> Certificate::from_der(Bytes der) {
  if (der.size() > kMaxCertificateSize) {
    return fail(fmt::format("a certificate of {} bytes: the limit is {}", der.size(), kMaxCertificateSize));
  }
  CBS input = cbs_of(der), outer;
  if (!CBS_get_asn1(&input, &outer, CBS_ASN1_SEQUENCE)) return fail("not a certificate");
  if (CBS_len(&input) != 0) {
    return fail(fmt::format("{} trailing bytes behind the certificate", CBS_len(&input)));
  }

  auto impl = std::make_shared<Impl>();
  impl->der = to_buffer(der);
  Parts parts;
  bssl::UniquePtr<X509> x509 = parse_x509(impl->der);
  if (x509 == nullptr || !take_apart(impl->der, parts)) return fail("not a certificate");
  impl->fields = fields_of(parts);
  impl->signature = bytes_of(parts.signature);

  auto subject = Name::from_der(impl->fields.subject_der);
  if (!subject) return std::unexpected(std::move(subject.error()).within("the certificate's subject"));
  auto issuer = Name::from_der(impl->fields.issuer_der);
  if (!issuer) return std::unexpected(std::move(issuer.error()).within("the certificate's issuer"));
  impl->subject = std::move(*subject);
  impl->issuer = std::move(*issuer);

  if (auto status = read_key(parts.key_info, *impl); !status) return std::unexpected(status.error());
  if (auto status = read_dates(*x509, *impl); !status) return std::unexpected(status.error());
  impl->sha256 = crypto::sha256(impl->der);
  return Certificate(std::move(impl));
}

Result<std::vector<Certificate>> Certificate::all_from_pem(Bytes data) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(data.data(), static_cast<int>(data.size())));
  std::vector<Certificate> out;
  for (;;) {
    char* name = nullptr;
    char* header = nullptr;
    std::uint8_t* content = nullptr;
    long size = 0;
    if (!PEM_read_bio(bio.get(), &name, &header, &content, &size)) break;
    bssl::UniquePtr<char> free_name(name), free_header(header);
    bssl::UniquePtr<std::uint8_t> free_content(content);
    if (std::string_view(name) != PEM_STRING_X509) continue;
    if (out.size() == kMaxBundleCertificates) {
      return fail(fmt::format("more than {} certificates in one file", kMaxBundleCertificates));
    }
    auto certificate = from_der({content, static_cast<std::size_t>(size)});
    if (!certificate) {
      return std::unexpected(
          std::move(certificate.error()).within(fmt::format("PEM certificate {}", out.size() + 1)));
    }
    out.push_back(std::move(*certificate));
  }
  // Reading ends with an error in any case; only "no more" is the good one.
  bool no_more = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  std::string reason = take_library_error();
  if (!no_more) return fail(fmt::format("damaged PEM: {}", reason));
  if (out.empty()) return fail("no certificate in it, neither PEM nor DER");
  return out;
}

Result<Certificate> Certificate::from_pem_or_der(Bytes data) {
  if (looks_like_der(data)) return from_der(data);
  auto all = all_from_pem(data);
  if (!all) return std::unexpected(std::move(all.error()));
  if (all->size() > 1)
    return fail(fmt::format("{} certificates where one must be: split the file", all->size()));
  return std::move(all->front());
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
  return static_cast<unsigned>(EVP_PKEY_bits(impl_->key.get()));
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
  if (!same_bytes(issuer_der(), subject_der())) return false;
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
    return fail("nothing can be encrypted to an EC key: use a certificate with an RSA key");
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

}  // namespace anchord::crypto
