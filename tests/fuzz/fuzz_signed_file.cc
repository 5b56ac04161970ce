// Any signed file that parses, encrypted or not, is the same after it was written and
// parsed again.
#include "anchord/wire/signed_file.h"

#include "anchord/wire/foreign_file.h"
#include "fuzz.h"
#include "same_header.h"

using namespace anchord;
using namespace anchord::wire;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  auto file = parse_signed_file(input);
  auto foreign = parse_foreign_file(input);
  require(!foreign || !file, "a file is of one kind");
  if (foreign)
    require(foreign->header_length + foreign->content.size() == size, "header and content are the file");
  if (!file) {
    require(file.error().offset <= size, "an error lies within the input");
    return 0;
  }
  require(file->header.length + file->content.size() == size, "header and content are the file");
  require(file->header.encryption.has_value() == (file->header.version == kEncryptedFileVersion),
          "encryption goes with its version");

  auto written = build_signed_file(file->header, file->content);
  // A header that fills its length field may lack room for padding.
  if (!written && file->header.length + 3 > 0xffff) return 0;
  require(written.has_value(), "what was read can be written");
  Buffer copy = insert_signature(std::move(*written), file->header.signature);
  auto again = parse_signed_file(copy);
  require(again.has_value(), "what was written parses");
  require(fuzz::same_header(again->header, file->header), "it has the same header");
  require(same_bytes(again->content, file->content), "it has the same content");
  return 0;
}
