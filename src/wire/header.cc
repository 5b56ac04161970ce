#include "anchord/wire/header.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <ranges>
#include <span>
#include <string>
#include <vector>

#include "anchord/base/ascii.h"
#include "header_items.h"

namespace anchord::wire {
namespace {

constexpr std::array<std::size_t, 4> kModulusSizes = {64, 128, 256, 512};

// Version and header length stand at the front and are no part of any order.
constexpr std::size_t kFrontSize = 10;

class HeaderParser {
 public:
  explicit HeaderParser(Bytes file) : file_(file) {}

  Parsed<Header> parse() {
    Reader in(file_);
    front(in);
    if (!in.ok()) return in.unexpected();
    Reader items = in.part(header_.length - kFrontSize, "header");
    read_items(items, kFileItself);
    if (items.ok()) check(items);
    if (!items.ok()) return items.unexpected();
    if (is_encrypted()) header_.encryption = encryption_;
    return header_;
  }

 private:
  bool is_encrypted() const { return header_.version == kEncryptedFileVersion; }

  void front(Reader& in);
  void read_items(Reader& in, std::uint8_t container);
  void read_value(Item& item);
  void read_encryption_value(Item& item);
  bool belongs(std::uint8_t tag) const;
  bool required(std::uint8_t tag) const;
  void check(Reader& in) const;

  Bytes file_;
  Header header_;
  Encryption encryption_;
  SeenTags seen_;
  std::array<std::size_t, kHeaderItems.size()> offsets_{};
};

Version read_version(Item& item) {
  Version version;
  version.major = item.fixed(2).u8(item.name);
  version.minor = item.value.u8(item.name);
  return version;
}

void HeaderParser::front(Reader& in) {
  for (std::uint8_t tag : {kVersion, kHeaderLength}) {
    std::size_t offset = in.offset();
    if (in.u8(kHeaderItems[tag]) != tag) in.fail_at(kHeaderItems[tag], "is not where it must be", offset);
    Item item = read_item(in, tag, kHeaderItems);
    if (tag == kVersion) {
      header_.version = read_version(item);
    } else {
      header_.length = item.fixed(2).u16(item.name);
    }
    close_item(item, in);
  }
  if (!in.ok()) return;
  const Version& version = header_.version;
  if (version != kTrustListVersion && version != kSignedFileVersion && version != kEncryptedFileVersion) {
    in.fail_at(kHeaderItems[kVersion], "is none of 1.0, 1.2 and 2.0", 0);
  }
  if (header_.length < kFrontSize) in.fail_at(kHeaderItems[kHeaderLength], "ends before itself", 5);
  if (header_.length > file_.size()) in.fail_at(kHeaderItems[kHeaderLength], "runs past the end", 5);
}

bool HeaderParser::belongs(std::uint8_t tag) const {
  if (tag == kSignerVersion) return header_.version == kTrustListVersion;
  return tag < kEncryptionInfo || is_encrypted();
}

bool HeaderParser::required(std::uint8_t tag) const {
  return tag > kHeaderLength && tag != kPadding && tag != kSignerVersion && belongs(tag);
}

void HeaderParser::read_items(Reader& in, std::uint8_t container) {
  while (in.left() > 0) {
    std::uint8_t tag = in.u8("header item");
    if (tag == kPadding && container == kFileItself) {
      ++header_.padding;
      continue;
    }
    if (tag >= kHeaderItems.size() || kHeaderItems[tag] == nullptr) {
      return in.fail_at("header item", "has an unknown tag", in.offset() - 1);
    }
    if (kContainerOf[tag] != container || tag <= kHeaderLength) {
      return in.fail_at(kHeaderItems[tag], "is not where it must be", in.offset() - 1);
    }
    Item item = read_item(in, tag, kHeaderItems);
    if (!belongs(tag)) in.fail_at(item.name, "does not belong in a file of this version", item.offset);
    seen_.add(item, in);
    offsets_[tag] = item.offset;
    read_value(item);
    close_item(item, in);
  }
  for (std::uint8_t tag = 0; tag < kHeaderItems.size(); ++tag) {
    if (kContainerOf[tag] == container && required(tag)) seen_.require(tag, kHeaderItems, in);
  }
}

void HeaderParser::read_value(Item& item) {
  Reader& value = item.value;
  switch (item.tag) {
    case kSignerInfo:
    case kSignatureInfo:
    case kSignatureAlgorithmInfo:
    case kEncryptionInfo:
    case kIvInfo:
    case kKeyInfo:
      return read_items(value, item.tag);
    case kSignerVersion:
      header_.signer_version = read_version(item);
      return;
    case kSignerName:
      header_.signer_name = read_name(item);
      return;
    case kIssuerName:
      header_.issuer_name = read_name(item);
      return;
    case kSerial:
      header_.serial = value.rest();
      return;
    case kDigest:
      header_.digest = read_digest(item);
      return;
    case kSignatureAlgorithm:
      header_.signature_algorithm = item.fixed(1).u8(item.name);
      if (header_.signature_algorithm != 0) item.fail("is not RSA");
      return;
    case kModulusSize:
      header_.modulus_code = item.fixed(1).u8(item.name);
      if (!modulus_size(header_.modulus_code)) item.fail("is not known");
      return;
    case kSignature:
      header_.signature = value.rest();
      header_.signature_offset = item.offset;
      return;
    case kFileName:
      header_.file_name = read_name(item);
      return;
    case kTimestamp:
      header_.timestamp = item.fixed(4).u32(item.name);
      return;
    default:
      return read_encryption_value(item);
  }
}

void HeaderParser::read_encryption_value(Item& item) {
  Reader& value = item.value;
  switch (item.tag) {
    case kIvUnknown:
    case kKeyUnknown:
      item.fixed(1).u8(item.name);
      return;
    case kIv:
      encryption_.iv = item.fixed(kCipherBlock).rest();
      return;
    case kPadLength:
      encryption_.pad_length = item.fixed(2).u16(item.name);
      if (encryption_.pad_length < 1 || encryption_.pad_length > kCipherBlock) {
        item.fail("is not within 1 to 16");
      }
      return;
    case kKeySize:
      encryption_.key_bits = item.fixed(2).u16(item.name);
      return;
    case kKeyAlgorithm:
      encryption_.key_algorithm = item.fixed(1).u8(item.name);
      return;
    case kEncryptedKey:
      encryption_.encrypted_key = value.rest();
      return;
    case kPlainDigest:
      encryption_.digest = read_digest(item);
      return;
    case kPlainDigestValue:
      encryption_.digest_value = value.rest();
      return;
    default:
      assert(false);
  }
}

// What only items together can get wrong.
void HeaderParser::check(Reader& in) const {
  if (header_.signature.size() != modulus_size(header_.modulus_code)) {
    in.fail_at(kHeaderItems[kSignature], "is not as long as the modulus", offsets_[kSignature]);
  }
  if (!is_encrypted()) return;
  if (encryption_.encrypted_key.size() * 8 != encryption_.key_bits) {
    in.fail_at(kHeaderItems[kEncryptedKey], "is not as long as the key size says", offsets_[kEncryptedKey]);
  }
  if (encryption_.digest_value.size() != digest_size(encryption_.digest)) {
    in.fail_at(kHeaderItems[kPlainDigestValue], "is not as long as its algorithm says",
               offsets_[kPlainDigestValue]);
  }
}

}  // namespace

Digest read_digest(Item& item) {
  std::uint8_t value = item.fixed(1).u8(item.name);
  for (Digest known : {Digest::sha1, Digest::sha256, Digest::sha512}) {
    if (value == static_cast<std::uint8_t>(known)) return known;
  }
  item.fail("is not known");
  return Digest::sha1;
}

std::string_view digest_name(Digest digest) {
  switch (digest) {
    case Digest::sha1:
      return "sha1";
    case Digest::sha256:
      return "sha256";
    case Digest::sha512:
      return "sha512";
  }
  return "unknown";
}

std::size_t digest_size(Digest digest) {
  switch (digest) {
    case Digest::sha1:
      return 20;
    case Digest::sha256:
      return 32;
    case Digest::sha512:
      return 64;
  }
  return 0;
}

std::string_view role_name(Role role) {
  for (const auto& [known, name] : kRoles) {
    if (known == role) return name;
  }
  return "unknown";
}

std::optional<Role> role_from_name(std::string_view name) {
  for (const auto& [role, known] : kRoles) {
    if (known == name) return role;
  }
  return std::nullopt;
}

bool is_known(Role role) {
  return std::ranges::find(kRoles, role, &RoleName::role) != kRoles.end();
}

std::string role_text(Role role) {
  return is_known(role) ? std::string(role_name(role))
                        : fmt::format("unknown {}", static_cast<unsigned>(role));
}

std::string roles_text(std::span<const Role> roles) {
  std::vector<std::string> names;
  for (Role role : roles) names.push_back(role_text(role));
  return joined(names, ",");
}

std::string role_choice() {
  return choice_of(std::views::transform(kRoles, &RoleName::name));
}

Result<std::uint8_t> modulus_code(std::size_t modulus_bytes) {
  for (std::uint8_t code = 0; code < kModulusSizes.size(); ++code) {
    if (kModulusSizes[code] == modulus_bytes) return code;
  }
  return fail(
      fmt::format("a trust list or signed file has no code for an RSA key of {} bits: "
                  "sign with one of 512, 1024, 2048 or 4096 bits",
                  modulus_bytes * 8));
}

std::optional<std::size_t> modulus_size(std::uint8_t code) {
  if (code >= kModulusSizes.size()) return std::nullopt;
  return kModulusSizes[code];
}

Parsed<Header> parse_header(Bytes file) {
  return HeaderParser(file).parse();
}

SignedParts signed_parts(Bytes file, const Header& header) {
  return {.before = file.first(header.signature_offset),
          .after = file.subspan(header.signature_offset + kItemHeadSize + header.signature.size())};
}

}  // namespace anchord::wire
