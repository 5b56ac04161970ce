#include "anchord/wire/trust_list.h"

#include <fmt/core.h>

#include <algorithm>

#include "header_items.h"
#include "header_writer.h"

namespace anchord::wire {
namespace {

enum RecordTag : std::uint8_t {
  kRecordLength = 1,
  kDnsName = 2,
  kSubject = 3,
  kRole = 4,
  kIssuer = 5,
  kRecordSerial = 6,
  kPublicKey = 7,
  kCertificateSignature = 8,
  kCertificate = 9,
  kIpAddress = 10,
  kCertificateHash = 11,
  kHashAlgorithm = 12,
};

constexpr std::array<const char*, 13> kRecordItems = {
    nullptr,       "record length",    "DNS name",       "subject name",          "function",
    "issuer name", "serial number",    "public key",     "certificate signature", "certificate",
    "IP address",  "certificate hash", "hash algorithm",
};

constexpr std::size_t kRecordFrontSize = 5;

void read_value(Item& item, Record& record) {
  Reader& value = item.value;
  switch (item.tag) {
    case kDnsName:
      record.dns_name = read_name(item);
      return;
    case kSubject:
      record.subject = read_name(item);
      return;
    case kRole:
      record.role = static_cast<Role>(item.fixed(2).u16(item.name));
      return;
    case kIssuer:
      record.issuer = read_name(item);
      return;
    case kRecordSerial:
      record.serial = value.rest();
      return;
    case kPublicKey:
      record.public_key = value.rest();
      return;
    case kCertificateSignature:
      record.signature = value.rest();
      return;
    case kCertificate:
      record.certificate = value.rest();
      return;
    case kIpAddress: {
      Bytes ip = item.fixed(4).rest();
      if (value.ok()) std::ranges::copy(ip, record.ip.emplace().begin());
      return;
    }
    case kCertificateHash:
      record.hash = value.rest();
      if (record.hash.empty()) item.fail("is empty");
      return;
    case kHashAlgorithm:
      record.hash_algorithm = read_digest(item);
      return;
    default:
      item.fail("is not where it must be");
  }
}

Record read_record(Reader& in) {
  Record record;
  std::size_t begin = in.offset();
  std::size_t room = in.left();
  if (in.u8(kRecordItems[kRecordLength]) != kRecordLength) {
    in.fail_at(kRecordItems[kRecordLength], "is not where it must be", begin);
  }
  Item front = read_item(in, kRecordLength, kRecordItems);
  std::size_t length = front.fixed(2).u16(front.name);
  close_item(front, in);
  if (!in.ok()) return record;
  if (length < kRecordFrontSize) in.fail_at(front.name, "ends before itself", begin);
  if (length > room) in.fail_at(front.name, "runs past the end", begin);
  if (!in.ok()) return record;

  Reader items = in.part(length - kRecordFrontSize, "record");
  SeenTags seen;
  while (items.left() > 0) {
    std::uint8_t tag = items.u8("record item");
    if (tag == 0 || tag >= kRecordItems.size()) {
      items.fail_at("record item", "has an unknown tag", items.offset() - 1);
      break;
    }
    Item item = read_item(items, tag, kRecordItems);
    seen.add(item, items);
    read_value(item, record);
    close_item(item, items);
  }
  seen.require(kRole, kRecordItems, items);
  if (seen.has(kCertificateHash)) seen.require(kHashAlgorithm, kRecordItems, items);
  if (seen.has(kHashAlgorithm)) seen.require(kCertificateHash, kRecordItems, items);
  in.adopt(items);
  return record;
}

void write_record(Buffer& out, TlvBuilder& builder, const Record& record) {
  auto name = [&](std::uint8_t tag, const std::optional<std::string_view>& text) {
    if (text) builder.name(tag, *text);
  };
  auto bytes = [&](std::uint8_t tag, Bytes value) {
    if (!value.empty()) builder.item(tag, value);
  };
  std::size_t begin = out.size();
  builder.u16(kRecordLength, 0);
  name(kDnsName, record.dns_name);
  name(kSubject, record.subject);
  name(kIssuer, record.issuer);
  bytes(kRecordSerial, record.serial);
  builder.u16(kRole, static_cast<std::uint16_t>(record.role));
  bytes(kPublicKey, record.public_key);
  bytes(kCertificateSignature, record.signature);
  bytes(kCertificate, record.certificate);
  if (record.ip) builder.item(kIpAddress, *record.ip);
  if (!record.hash.empty()) {
    assert(record.hash_algorithm);
    builder.item(kCertificateHash, record.hash);
    builder.u8(kHashAlgorithm, static_cast<std::uint8_t>(*record.hash_algorithm));
  }
  builder.patch_u16(begin + kRecordFrontSize - 2, out.size() - begin, kRecordLength);
}

}  // namespace

Parsed<TrustList> parse_trust_list(Bytes file) {
  Reader whole(file);
  if (file.size() > kMaxTrustListSize) {
    whole.fail_at("trust list", "is larger than the 65536 bytes that phones load", kMaxTrustListSize);
    return whole.unexpected();
  }
  Parsed<Header> header = parse_header(file);
  if (!header) return std::unexpected(header.error());
  if (header->version != kTrustListVersion) {
    return std::unexpected(ParseError{"version", "is that of a signed file, not of a trust list", 0});
  }

  // Everything is checked before anything is allocated.
  const Reader first(file.subspan(header->length), header->length);
  std::size_t count = 0;
  Reader in = first;
  for (; in.left() > 0; ++count) {
    if (count == kMaxTrustListRecords) in.fail("record", "is one more than the 512 that a list may have");
    read_record(in);
  }
  if (!in.ok()) return in.unexpected();

  TrustList list{.header = *header, .records = {}};
  list.records.reserve(count);
  for (in = first; in.left() > 0;) list.records.push_back(read_record(in));
  return list;
}

Result<UnsignedFile> build_trust_list(const HeaderFields& fields, std::span<const Record> records) {
  if (records.size() > kMaxTrustListRecords) {
    return fail(
        fmt::format("the trust list would have {} records, more than the {} that a list may have: "
                    "remove certificates",
                    records.size(), kMaxTrustListRecords));
  }
  Buffer content;
  TlvBuilder builder(content, kRecordItems);
  for (const Record& record : records) write_record(content, builder, record);
  if (builder.error()) return std::unexpected(*builder.error());

  ANCHORD_TRY_ASSIGN(auto file, build_unsigned(kTrustListVersion, fields, content));
  std::size_t size = file.bytes.size() + kItemHeadSize + file.signature_size;
  if (size > kMaxTrustListSize) {
    return fail(
        fmt::format("the trust list would be {} bytes, and phones load no more than {}: "
                    "remove some of its {} records",
                    size, kMaxTrustListSize, records.size()));
  }
  return file;
}

}  // namespace anchord::wire
