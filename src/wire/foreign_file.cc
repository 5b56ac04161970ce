#include "anchord/wire/foreign_file.h"

#include "header_items.h"

namespace anchord::wire {
namespace {

std::string_view text_of(Bytes value) {
  std::string_view text = as_text(value);
  return text.substr(0, text.find('\0'));
}

void keep(ForeignFile& out, std::uint8_t tag, Bytes value) {
  if (tag == kSignerName) out.signer_name = text_of(value);
  if (tag == kIssuerName) out.issuer_name = text_of(value);
  if (tag == kSerial) out.serial = value;
  if (tag == kFileName) out.file_name = text_of(value);
  if (tag == kTimestamp && value.size() == 4) out.timestamp = Reader(value).u32("timestamp");
}

// Goes on for as long as what is there looks like items. Only the signer's container is
// looked into: no header makes this recurse further.
void read_what_is_known(Bytes items, ForeignFile& out, bool of_signer) {
  Reader in(items);
  while (in.left() > 0) {
    std::uint8_t tag = in.u8("header item");
    if (tag == kPadding) continue;
    Bytes value = in.take(in.u16("header item"), "header item");
    if (!in.ok()) return;
    const bool is_of_signer = tag == kSignerName || tag == kIssuerName || tag == kSerial;
    if (tag == kSignerInfo && !of_signer) read_what_is_known(value, out, true);
    if (is_of_signer == of_signer) keep(out, tag, value);
  }
}

}  // namespace

Parsed<ForeignFile> parse_foreign_file(Bytes file) {
  Reader in(file);
  ForeignFile out;
  for (std::uint8_t tag : {kVersion, kHeaderLength}) {
    const char* name = kHeaderItems[tag];
    if (in.u8(name) != tag || in.u16(name) != 2) in.fail_at(name, "is not where it must be", 0);
    if (tag == kVersion) {
      out.version.major = in.u8(name);
      out.version.minor = in.u8(name);
    } else {
      out.header_length = in.u16(name);
    }
  }
  if (out.header_length < in.offset()) in.fail_at(kHeaderItems[kHeaderLength], "ends before itself", 5);
  if (out.header_length > file.size()) in.fail_at(kHeaderItems[kHeaderLength], "runs past the end", 5);
  for (Version own : {kTrustListVersion, kSignedFileVersion, kEncryptedFileVersion})
    if (out.version == own) in.fail_at(kHeaderItems[kVersion], "is that of a file that is read whole", 0);
  if (!in.ok()) return in.unexpected();
  read_what_is_known(file.subspan(in.offset(), out.header_length - in.offset()), out, false);
  out.content = file.subspan(out.header_length);
  return out;
}

}  // namespace anchord::wire
