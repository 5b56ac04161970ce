#include "header_writer.h"

#include <cassert>

#include "header_items.h"

namespace anchord::wire {
namespace {

void write_encryption(TlvBuilder& header, const Encryption& encryption) {
  assert(encryption.iv.size() == kCipherBlock);
  assert(encryption.encrypted_key.size() * 8 == encryption.key_bits);
  assert(encryption.digest_value.size() == digest_size(encryption.digest));
  std::size_t info = header.begin(kEncryptionInfo);
  std::size_t iv = header.begin(kIvInfo);
  header.u8(kIvUnknown, 0);
  header.item(kIv, encryption.iv);
  header.u16(kPadLength, encryption.pad_length);
  header.end(iv);
  std::size_t key = header.begin(kKeyInfo);
  header.u8(kKeyUnknown, 0);
  header.u16(kKeySize, encryption.key_bits);
  header.u8(kKeyAlgorithm, encryption.key_algorithm);
  header.item(kEncryptedKey, encryption.encrypted_key);
  header.end(key);
  header.end(info);
  header.u8(kPlainDigest, static_cast<std::uint8_t>(encryption.digest));
  header.item(kPlainDigestValue, encryption.digest_value);
}

}  // namespace

// The order of the items is that of the files that phones have always been given.
Result<UnsignedFile> build_unsigned(Version version, const HeaderFields& fields, Bytes content) {
  std::optional<std::size_t> signature_size = modulus_size(fields.modulus_code);
  assert(signature_size);
  UnsignedFile file{.bytes = {}, .signature_at = 0, .signature_size = *signature_size};
  Buffer& out = file.bytes;
  TlvBuilder header(out, kHeaderItems);

  auto version_item = [&](std::uint8_t tag, Version v) {
    header.u16(tag, static_cast<std::uint16_t>(v.major << 8 | v.minor));
  };
  version_item(kVersion, version);
  header.u16(kHeaderLength, 0);
  std::size_t length_at = out.size() - 2;
  if (fields.signer_version) version_item(kSignerVersion, *fields.signer_version);

  std::size_t signer = header.begin(kSignerInfo);
  header.name(kSignerName, fields.signer_name);
  header.name(kIssuerName, fields.issuer_name);
  header.item(kSerial, fields.serial);
  header.end(signer);

  std::size_t signature = header.begin(kSignatureInfo);
  header.u8(kDigest, static_cast<std::uint8_t>(fields.digest));
  std::size_t algorithm = header.begin(kSignatureAlgorithmInfo);
  header.u8(kSignatureAlgorithm, 0);
  header.u8(kModulusSize, fields.modulus_code);
  header.end(algorithm);
  header.end(signature);

  file.signature_at = out.size();
  header.name(kFileName, fields.file_name);
  header.u32(kTimestamp, fields.timestamp);
  if (fields.encryption) write_encryption(header, *fields.encryption);
  std::size_t signature_item = kItemHeadSize + file.signature_size;
  while ((out.size() + signature_item) % 4 != 0) out.push_back(kPadding);
  header.patch_u16(length_at, out.size() + signature_item, kHeaderLength);

  if (header.error()) return std::unexpected(*header.error());
  out.insert(out.end(), content.begin(), content.end());
  return file;
}

Buffer insert_signature(UnsignedFile file, Bytes signature) {
  assert(signature.size() == file.signature_size);
  Buffer item;
  TlvBuilder(item, kHeaderItems).item(kSignature, signature);
  auto at = file.bytes.begin() + static_cast<std::ptrdiff_t>(file.signature_at);
  file.bytes.insert(at, item.begin(), item.end());
  return std::move(file.bytes);
}

}  // namespace anchord::wire
