#include "anchord/crypto/self_signed.h"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>

#include <algorithm>
#include <array>
#include <span>

#include "anchord/base/ascii.h"
#include "anchord/base/ip_address.h"
#include "anchord/crypto/random.h"
#include "attribute_type.h"
#include "boringssl.h"

// RFC 5280, section 4.1, written with the library's DER builder. A builder that has
// failed fails from then on, so the result of the last step decides.
namespace anchord::crypto {
namespace {

constexpr std::size_t kSerialSize = 16;
constexpr unsigned kContext = CBS_ASN1_CONTEXT_SPECIFIC;
constexpr unsigned kConstructedContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;

// Times that X.509 can say; it says them in a longer form from 2050 on.
constexpr UnixSeconds kYear1950 = -631152000, kYear2050 = 2524608000, kYear10000 = 253402300800;

bool add_bytes(CBB* out, unsigned tag, Bytes bytes) {
  CBB child;
  return CBB_add_asn1(out, &child, tag) && CBB_add_bytes(&child, bytes.data(), bytes.size()) &&
         CBB_flush(out);
}

bool add_oid(CBB* out, std::string_view dotted) {
  CBB child;
  return CBB_add_asn1(out, &child, CBS_ASN1_OBJECT) &&
         CBB_add_asn1_oid_from_text(&child, dotted.data(), dotted.size()) && CBB_flush(out);
}

bool is_printable_string(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view(" '()+,-./:=?").contains(c);
  });
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The string type that RFC 5280 asks for; UTF-8 for everything that leaves the choice.
unsigned string_tag(const Name::Attribute& attribute) {
  bool printable = attribute.type == "C" || attribute.type == "serialNumber";
  bool ia5 = attribute.type == "DC" || attribute.type == "emailAddress";
  if (printable && is_printable_string(attribute.value)) return CBS_ASN1_PRINTABLESTRING;
  if (ia5 && is_ascii(attribute.value)) return CBS_ASN1_IA5STRING;
  return CBS_ASN1_UTF8STRING;
}

bool add_name(CBB* out, const Name& name) {
  CBB sequence, set, pair;
  const auto& attributes = name.attributes();
  if (!CBB_add_asn1(out, &sequence, CBS_ASN1_SEQUENCE)) return false;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const Name::Attribute& attribute = attributes[i];
    bool first_of_set = i == 0 || !attribute.joined;
    if (first_of_set && !CBB_add_asn1(&sequence, &set, CBS_ASN1_SET)) return false;
    if (!CBB_add_asn1(&set, &pair, CBS_ASN1_SEQUENCE) || !add_oid(&pair, dotted_type(attribute.type)) ||
        !add_bytes(&pair, string_tag(attribute), as_bytes(attribute.value))) {
      return false;
    }
    bool last_of_set = i + 1 == attributes.size() || !attributes[i + 1].joined;
    if (last_of_set && !CBB_flush_asn1_set_of(&set)) return false;
  }
  return CBB_flush(out) == 1;
}

bool add_time(CBB* out, UnixSeconds at) {
  bool longer = at >= kYear2050;
  std::string text = fmt::format("{:%Y%m%d%H%M%S}Z", fmt::gmtime(static_cast<std::time_t>(at)));
  return add_bytes(out, longer ? CBS_ASN1_GENERALIZEDTIME : CBS_ASN1_UTCTIME,
                   as_bytes(std::string_view(text).substr(longer ? 0 : 2)));
}

using Serial = std::array<std::uint8_t, kSerialSize>;

Serial new_serial() {
  Serial serial;
  fill_random(serial);
  // Positive, and of this size whatever was drawn.
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  return serial;
}

// How much later than asked the certificate ends.
UnixSeconds spread_of(const Serial& serial, UnixSeconds spread) {
  if (spread == 0) return 0;
  std::uint64_t drawn = 0;
  for (std::uint8_t byte : std::span(serial).last<8>()) drawn = drawn << 8 | byte;
  return static_cast<UnixSeconds>(drawn % static_cast<std::uint64_t>(spread));
}

bool add_validity(CBB* out, const SelfSignedRequest& request, const Serial& serial) {
  CBB validity;
  const UnixSeconds end = request.not_before + UnixSeconds{request.days} * kSecondsPerDay;
  return CBB_add_asn1(out, &validity, CBS_ASN1_SEQUENCE) && add_time(&validity, request.not_before) &&
         add_time(&validity, end + spread_of(serial, request.spread)) && CBB_flush(out);
}

bool add_algorithm(CBB* out, KeyType type) {
  CBB algorithm;
  if (!CBB_add_asn1(out, &algorithm, CBS_ASN1_SEQUENCE)) return false;
  bool rsa = type == KeyType::rsa;
  // sha256WithRSAEncryption, ecdsa-with-SHA256
  if (!add_oid(&algorithm, rsa ? "1.2.840.113549.1.1.11" : "1.2.840.10045.4.3.2")) return false;
  return (!rsa || add_bytes(&algorithm, CBS_ASN1_NULL, {})) && CBB_flush(out);
}

// `write` puts the extension's content into the builder that it is given.
template <class Write>
bool add_extension(CBB* out, std::string_view oid, bool critical, Write&& write) {
  CBB extension, value;
  return CBB_add_asn1(out, &extension, CBS_ASN1_SEQUENCE) && add_oid(&extension, oid) &&
         (!critical || CBB_add_asn1_bool(&extension, 1)) &&
         CBB_add_asn1(&extension, &value, CBS_ASN1_OCTETSTRING) && write(&value) && CBB_flush(out);
}

bool add_alternative_names(CBB* out, const SelfSignedRequest& request) {
  constexpr unsigned kDns = kContext | 2, kAddress = kContext | 7;
  CBB names;
  if (!CBB_add_asn1(out, &names, CBS_ASN1_SEQUENCE)) return false;
  for (const std::string& name : request.dns_names) {
    if (!add_bytes(&names, kDns, as_bytes(name))) return false;
  }
  for (const std::string& text : request.addresses) {
    const auto address = parse_ip_address(text);
    if (!address || !add_bytes(&names, kAddress, address->shortest())) return false;
  }
  return CBB_flush(out) == 1;
}

bool add_key_usage(CBB* out, KeyType type) {
  // digitalSignature and keyCertSign; the oldest phones encrypt to an RSA key
  // (keyEncipherment). The first byte counts the bits that are not used.
  const std::uint8_t bits[] = {2, static_cast<std::uint8_t>(type == KeyType::rsa ? 0xa4 : 0x84)};
  return add_bytes(out, CBS_ASN1_BITSTRING, bits);
}

bool add_extensions(CBB* out, const PrivateKey& key, Bytes public_key, const SelfSignedRequest& request) {
  CBB outer, extensions;
  bool ok = CBB_add_asn1(out, &outer, kConstructedContext | 3) &&
            CBB_add_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE);
  ok = ok && add_extension(&extensions, "2.5.29.19", true, [](CBB* value) {  // basicConstraints
         CBB constraints;
         return CBB_add_asn1(value, &constraints, CBS_ASN1_SEQUENCE) && CBB_add_asn1_bool(&constraints, 1) &&
                CBB_flush(value);
       });
  ok = ok && add_extension(&extensions, "2.5.29.15", true,
                           [&](CBB* value) { return add_key_usage(value, key.key_type()); });
  ok = ok && add_extension(&extensions, "2.5.29.37", false, [](CBB* value) {  // extendedKeyUsage
         CBB purposes;
         return CBB_add_asn1(value, &purposes, CBS_ASN1_SEQUENCE) &&
                add_oid(&purposes, "1.3.6.1.5.5.7.3.1") && add_oid(&purposes, "1.3.6.1.5.5.7.3.2") &&
                CBB_flush(value);
       });
  ok = ok && add_extension(&extensions, "2.5.29.14", false, [&](CBB* value) {  // subjectKeyIdentifier
         return add_bytes(value, CBS_ASN1_OCTETSTRING, digest(Digest::sha1, public_key));
       });
  if (!request.dns_names.empty() || !request.addresses.empty()) {
    ok = ok && add_extension(&extensions, "2.5.29.17", false,
                             [&](CBB* value) { return add_alternative_names(value, request); });
  }
  return ok && CBB_flush(out);
}

// Empty on failure.
template <class Write>
Buffer build(Write&& write) {
  bssl::ScopedCBB out;
  std::uint8_t* content = nullptr;
  std::size_t size = 0;
  if (!CBB_init(out.get(), 1024) || !write(out.get()) || !CBB_finish(out.get(), &content, &size)) return {};
  bssl::UniquePtr<std::uint8_t> free_content(content);
  return Buffer(content, content + size);
}

Buffer build_key_info(const EVP_PKEY* key) {
  return build([&](CBB* out) { return EVP_marshal_public_key(out, key) == 1; });
}

// The content of the BIT STRING in a SubjectPublicKeyInfo that the library wrote.
Bytes public_key_of(Bytes key_info) {
  CBS input = cbs_of(key_info), info, bits;
  if (!CBS_get_asn1(&input, &info, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&info, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&info, &bits, CBS_ASN1_BITSTRING) || !CBS_skip(&bits, 1)) {
    return {};
  }
  return bytes_of(bits);
}

Buffer build_body(const PrivateKey& key, const SelfSignedRequest& request) {
  Buffer key_info = build_key_info(key.impl().key.get());
  const Serial serial = new_serial();
  return build([&](CBB* out) {
    CBB body, version;
    constexpr std::uint64_t kVersion3 = 2;
    return CBB_add_asn1(out, &body, CBS_ASN1_SEQUENCE) &&
           CBB_add_asn1(&body, &version, kConstructedContext | 0) &&
           CBB_add_asn1_uint64(&version, kVersion3) && add_bytes(&body, CBS_ASN1_INTEGER, serial) &&
           add_algorithm(&body, key.key_type()) && add_name(&body, request.subject) &&
           add_validity(&body, request, serial) && add_name(&body, request.subject) &&
           CBB_add_bytes(&body, key_info.data(), key_info.size()) &&
           add_extensions(&body, key, public_key_of(key_info), request) && CBB_flush(out);
  });
}

Buffer sign_body(EVP_PKEY* key, Bytes body) {
  bssl::ScopedEVP_MD_CTX context;
  Buffer out(static_cast<std::size_t>(EVP_PKEY_size(key)));
  std::size_t size = out.size();
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), out.data(), &size, body.data(), body.size()) != 1) {
    return {};
  }
  out.resize(size);
  return out;
}

Status check(const SelfSignedRequest& request) {
  constexpr std::size_t kMaxHostName = 253;
  if (request.subject.empty())
    return fail("a certificate needs a subject name, such as CN=cucm1.example.com");
  for (const std::string& name : request.dns_names) {
    bool ok = !name.empty() && name.size() <= kMaxHostName && is_ascii(name) && !name.contains(' ');
    if (!ok) return fail(fmt::format("'{}' is not a host name: give it in ASCII without blanks", name));
  }
  for (const std::string& text : request.addresses) {
    if (!parse_ip_address(text)) return fail(fmt::format("'{}' is not an IPv4 or IPv6 address", text));
  }
  UnixSeconds end = request.not_before + UnixSeconds{request.days} * kSecondsPerDay + request.spread;
  if (request.days == 0 || request.not_before < kYear1950 || end >= kYear10000) {
    return fail(
        fmt::format("a lifetime of {} days from {} does not fit a certificate: 1950 to 9999, a day at least",
                    request.days, request.not_before));
  }
  return {};
}

}  // namespace

Result<Certificate> make_self_signed(const PrivateKey& key, const SelfSignedRequest& request) {
  ANCHORD_TRY(check(request));
  Buffer body = build_body(key, request);
  if (body.empty()) {
    ERR_clear_error();
    return fail(fmt::format("the name '{}' does not fit a certificate", request.subject.to_open()));
  }
  Buffer signature = sign_body(key.impl().key.get(), body);
  if (signature.empty()) return fail(fmt::format("signing the certificate failed: {}", take_library_error()));
  Buffer der = build([&](CBB* out) {
    CBB certificate, bits;
    return CBB_add_asn1(out, &certificate, CBS_ASN1_SEQUENCE) &&
           CBB_add_bytes(&certificate, body.data(), body.size()) &&
           add_algorithm(&certificate, key.key_type()) &&
           CBB_add_asn1(&certificate, &bits, CBS_ASN1_BITSTRING) && CBB_add_u8(&bits, 0) &&
           CBB_add_bytes(&bits, signature.data(), signature.size()) && CBB_flush(out);
  });
  return Certificate::from_der(der);
}

}  // namespace anchord::crypto
