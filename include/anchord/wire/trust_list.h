// Trust lists: ITLFile.tlv and CTLFile.tlv, a header and then one record for each
// certificate and role that phones shall trust.
//
// A parsed list is views into the file and valid as long as it is. Failures:
// ParseError for a file that is not well-formed, Error for a list that phones would
// not load. Source: the phones' formats, docs/formats.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "anchord/wire/header.h"

namespace anchord::wire {

// Phones do not load a larger list; a reader that took one would promise what no
// phone keeps.
constexpr std::size_t kMaxTrustListSize = 65536;

// Stops a list of thousands of tiny records from growing into megabytes of Records:
// 64 KiB of real certificates are fewer than a hundred.
constexpr std::size_t kMaxTrustListRecords = 512;

// An empty record, as a cluster in non-secure mode has, is only a DNS name, a role
// and perhaps an address: byte items that are not there are empty.
struct Record {
  std::optional<std::string_view> dns_name;  // host name or address of the server
  std::optional<std::string_view> subject;
  std::optional<std::string_view> issuer;
  Bytes serial;  // no leading zero byte
  Role role = Role::sast;
  Bytes public_key;   // RSA: RSAPublicKey in DER; EC: uncompressed point
  Bytes signature;    // the certificate's own
  Bytes certificate;  // DER
  std::optional<std::array<std::uint8_t, 4>> ip;
  Bytes hash;                            // of the certificate, in its place
  std::optional<Digest> hash_algorithm;  // exactly when there is a hash
};

struct TrustList {
  Header header;
  std::vector<Record> records;
};

Parsed<TrustList> parse_trust_list(Bytes file);

// Fails, naming the size, when the list with its signature exceeds
// kMaxTrustListSize; fails when a name or an item is too long for the format.
Result<UnsignedFile> build_trust_list(const HeaderFields& fields, std::span<const Record> records);

}  // namespace anchord::wire
