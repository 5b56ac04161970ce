#include "attribute_type.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

#include "anchord/base/ascii.h"

namespace anchord::crypto {
namespace {

struct KnownType {
  std::string_view name;
  std::string_view dotted;
};

// The first seven are nearly every attribute there is.
constexpr KnownType kKnownTypes[] = {
    {"CN", "2.5.4.3"},
    {"OU", "2.5.4.11"},
    {"O", "2.5.4.10"},
    {"L", "2.5.4.7"},
    {"ST", "2.5.4.8"},
    {"C", "2.5.4.6"},
    {"DC", "0.9.2342.19200300.100.1.25"},
    {"UID", "0.9.2342.19200300.100.1.1"},
    {"emailAddress", "1.2.840.113549.1.9.1"},
    {"serialNumber", "2.5.4.5"},
    {"street", "2.5.4.9"},
    {"GN", "2.5.4.42"},
    {"SN", "2.5.4.4"},
    {"title", "2.5.4.12"},
    {"description", "2.5.4.13"},
    {"businessCategory", "2.5.4.15"},
    {"postalAddress", "2.5.4.16"},
    {"postalCode", "2.5.4.17"},
    {"postOfficeBox", "2.5.4.18"},
    {"telephoneNumber", "2.5.4.20"},
    {"name", "2.5.4.41"},
    {"initials", "2.5.4.43"},
    {"generationQualifier", "2.5.4.44"},
    {"x500UniqueIdentifier", "2.5.4.45"},
    {"dnQualifier", "2.5.4.46"},
    {"pseudonym", "2.5.4.65"},
    {"role", "2.5.4.72"},
    {"organizationIdentifier", "2.5.4.97"},
    {"mail", "0.9.2342.19200300.100.1.3"},
    {"unstructuredName", "1.2.840.113549.1.9.2"},
    {"unstructuredAddress", "1.2.840.113549.1.9.8"},
    {"jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"},
    {"jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"},
    {"jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"},
};

// What others call them.
constexpr KnownType kAliases[] = {
    {"commonName", "2.5.4.3"},
    {"organizationalUnitName", "2.5.4.11"},
    {"organizationName", "2.5.4.10"},
    {"localityName", "2.5.4.7"},
    {"S", "2.5.4.8"},
    {"SP", "2.5.4.8"},
    {"stateOrProvinceName", "2.5.4.8"},
    {"countryName", "2.5.4.6"},
    {"domainComponent", "0.9.2342.19200300.100.1.25"},
    {"userId", "0.9.2342.19200300.100.1.1"},
    {"E", "1.2.840.113549.1.9.1"},
    {"email", "1.2.840.113549.1.9.1"},
    {"streetAddress", "2.5.4.9"},
    {"G", "2.5.4.42"},
    {"givenName", "2.5.4.42"},
    {"surname", "2.5.4.4"},
    {"T", "2.5.4.12"},
    {"generation", "2.5.4.44"},
    {"uniqueIdentifier", "2.5.4.45"},
    {"DNQ", "2.5.4.46"},
    {"rfc822Mailbox", "0.9.2342.19200300.100.1.3"},
    {"jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1"},
    {"jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2"},
    {"jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3"},
};

// Refuses what has no DER or a second spelling: leading zeros, arcs out of range.
bool well_formed_oid(std::string_view text) {
  if (text.size() > OidText{}.size()) return false;
  std::uint64_t first = 0;
  for (unsigned arc = 0;; ++arc) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    std::size_t digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || (digits > 1 && text[0] == '0')) return false;
    if (arc == 0 && value > 2) return false;
    if (arc == 0) first = value;
    if (arc == 1 && value > (first < 2 ? 39 : std::numeric_limits<std::uint64_t>::max() - 80)) return false;
    text.remove_prefix(digits);
    if (text.empty()) return arc > 0;
    if (text[0] != '.') return false;
    text.remove_prefix(1);
  }
}

std::string_view name_of_dotted(std::string_view dotted) {
  for (const KnownType& type : kKnownTypes) {
    if (type.dotted == dotted) return type.name;
  }
  return dotted;
}

}  // namespace

std::optional<std::string_view> canonical_type(std::string_view text) {
  if (starts_ignoring_case(text, "OID.") && text.size() > 4) text.remove_prefix(4);
  if (text.empty()) return {};
  if (text[0] >= '0' && text[0] <= '9') {
    if (!well_formed_oid(text)) return {};
    return name_of_dotted(text);
  }
  for (const KnownType& type : kKnownTypes) {
    if (same_ignoring_case(type.name, text)) return type.name;
  }
  for (const KnownType& alias : kAliases) {
    if (same_ignoring_case(alias.name, text)) return name_of_dotted(alias.dotted);
  }
  return {};
}

std::optional<std::string_view> canonical_type(Bytes oid, OidText& room) {
  char* at = room.data();
  char* const end = room.data() + room.size();
  auto append = [&](std::uint64_t arc) {
    if (at != room.data() && at != end) *at++ = '.';
    auto [next, error] = std::to_chars(at, end, arc);
    at = next;
    return error == std::errc{};
  };
  if (oid.empty() || (oid.back() & 0x80) != 0) return {};
  std::uint64_t value = 0;
  bool starts = true;  // of an arc
  for (std::uint8_t byte : oid) {
    if ((starts && byte == 0x80) || value > (std::numeric_limits<std::uint64_t>::max() >> 7)) return {};
    value = value << 7 | (byte & 0x7f);
    starts = (byte & 0x80) == 0;
    if (!starts) continue;
    // The first two arcs share one number.
    if (at == room.data()) {
      std::uint64_t first = std::min<std::uint64_t>(value / 40, 2);
      if (!append(first)) return {};
      value -= first * 40;
    }
    if (!append(value)) return {};
    value = 0;
  }
  return name_of_dotted({room.data(), static_cast<std::size_t>(at - room.data())});
}

std::string_view dotted_type(std::string_view canonical) {
  for (const KnownType& type : kKnownTypes) {
    if (type.name == canonical) return type.dotted;
  }
  return canonical;
}

}  // namespace anchord::crypto
