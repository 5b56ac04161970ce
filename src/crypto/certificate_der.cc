#include "certificate_der.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "anchord/base/ascii.h"
#include "anchord/base/serial_number.h"

namespace anchord::crypto {
namespace {

constexpr unsigned kVersionTag = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr std::uint8_t kZero[] = {0};
constexpr std::uint8_t kRsaEncryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};

// The content of a BIT STRING of whole bytes.
bool take_bits(CBS& from, Bytes& out) {
  CBS bits;
  std::uint8_t unused_bits = 0;
  if (!CBS_get_asn1(&from, &bits, CBS_ASN1_BITSTRING) || !CBS_get_u8(&bits, &unused_bits) || unused_bits != 0)
    return false;
  out = bytes_of(bits);
  return true;
}

// Two digits off the front, or -1.
int take_two(std::string_view& text) {
  if (text.size() < 2 || !is_digit(text[0]) || !is_digit(text[1])) return -1;
  int value = (text[0] - '0') * 10 + (text[1] - '0');
  text.remove_prefix(2);
  return value;
}

// "Z" or "+hhmm", in seconds east; nothing for anything else.
std::optional<int> take_zone(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) return {};
  int sign = text[0] == '+' ? 1 : -1;
  text.remove_prefix(1);
  int hours = take_two(text), minutes = take_two(text);
  if (hours < 0 || minutes < 0) return {};
  return sign * (hours * 3600 + minutes * 60);
}

// RFC 5280, section 4.1.2.5, and what was allowed before it: no seconds, other zones.
std::optional<UnixSeconds> read_time(CBS& from) {
  CBS content;
  unsigned tag = 0;
  if (!CBS_get_any_asn1(&from, &content, &tag)) return {};
  std::string_view text = as_text(bytes_of(content));
  int century = -1;
  if (tag == CBS_ASN1_GENERALIZEDTIME) century = take_two(text);
  if (tag != CBS_ASN1_GENERALIZEDTIME && tag != CBS_ASN1_UTCTIME) return {};
  int year = take_two(text), month = take_two(text), day = take_two(text);
  int hour = take_two(text), minute = take_two(text);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0) return {};
  if (tag == CBS_ASN1_UTCTIME) century = year < 50 ? 20 : 19;
  if (century < 0) return {};
  int second = text.empty() || !is_digit(text[0]) ? 0 : take_two(text);
  auto zone = take_zone(text);
  if (!zone || second < 0 || hour > 23 || minute > 59 || second > 60) return {};
  std::chrono::year_month_day date{std::chrono::year(century * 100 + year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return {};
  UnixSeconds days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * kSecondsPerDay + hour * 3600 + minute * 60 + second - *zone;
}

// An RSA key whose algorithm lacks the NULL that RFC 3279 wants.
bssl::UniquePtr<EVP_PKEY> parse_rsa(Bytes raw) {
  CBS content = cbs_of(raw);
  bssl::UniquePtr<RSA> rsa(RSA_parse_public_key(&content));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (rsa == nullptr || CBS_len(&content) != 0 || EVP_PKEY_set1_RSA(key.get(), rsa.get()) != 1) key.reset();
  return key;
}

}  // namespace

bool take_apart(Bytes der, CertificateParts& out) {
  CBS input = cbs_of(der), outer, tbs, serial, issuer, subject, part, version;
  int has_version = 0;
  if (!CBS_get_asn1(&input, &outer, CBS_ASN1_SEQUENCE) || CBS_len(&input) != 0 ||
      !CBS_get_asn1(&outer, &tbs, CBS_ASN1_SEQUENCE) ||
      !CBS_get_optional_asn1(&tbs, &version, &has_version, kVersionTag) ||
      !CBS_get_asn1(&tbs, &serial, CBS_ASN1_INTEGER) || !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_element(&tbs, &issuer, CBS_ASN1_SEQUENCE) ||
      !CBS_get_any_asn1_element(&tbs, &part, nullptr, nullptr)) {
    return false;
  }
  out.validity = bytes_of(part);
  if (!CBS_get_asn1_element(&tbs, &subject, CBS_ASN1_SEQUENCE)) return false;
  Bytes number = significant(bytes_of(serial));
  out.fields = {.issuer_der = bytes_of(issuer),
                .subject_der = bytes_of(subject),
                .serial = number.empty() ? Bytes(kZero) : number};

  out.first_version = has_version == 0;
  if (!CBS_get_asn1_element(&tbs, &part, CBS_ASN1_SEQUENCE)) return true;
  out.key_info = bytes_of(part);
  out.extended = CBS_len(&tbs) != 0;
  out.whole = CBS_get_asn1(&outer, nullptr, CBS_ASN1_SEQUENCE) && take_bits(outer, out.signature) &&
              CBS_len(&outer) == 0;
  return true;
}

std::optional<Validity> read_validity(Bytes validity) {
  CBS input = cbs_of(validity), times;
  if (!CBS_get_asn1(&input, &times, CBS_ASN1_SEQUENCE)) return {};
  auto not_before = read_time(times), not_after = read_time(times);
  if (!not_before || !not_after) return {};
  return Validity{*not_before, *not_after};
}

std::optional<PublicKey> read_public_key(Bytes key_info) {
  PublicKey out;
  CBS whole = cbs_of(key_info), info, algorithm, oid, parse = whole;
  if (!CBS_get_asn1(&whole, &info, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&info, &algorithm, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&algorithm, &oid, CBS_ASN1_OBJECT) || !take_bits(info, out.raw)) {
    return {};
  }
  out.key.reset(EVP_parse_public_key(&parse));
  if (out.key == nullptr && same_bytes(bytes_of(oid), kRsaEncryption)) {
    out.key = parse_rsa(out.raw);
    out.lenient = true;
  }
  ERR_clear_error();
  if (out.key == nullptr) return {};
  int type = EVP_PKEY_id(out.key.get());
  constexpr std::uint8_t kUncompressed = 4;
  bool usable =
      type == EVP_PKEY_RSA || (type == EVP_PKEY_EC && !out.raw.empty() && out.raw[0] == kUncompressed);
  if (!usable) return {};
  return out;
}

}  // namespace anchord::crypto
