// Any trust list that parses is the same after it was written and parsed again.
#include <algorithm>

#include "anchord/wire/trust_list.h"
#include "fuzz.h"
#include "same_header.h"

using namespace anchord;
using namespace anchord::wire;
using fuzz::require;

namespace {

bool same(const Record& a, const Record& b) {
  return a.dns_name == b.dns_name && a.subject == b.subject && a.issuer == b.issuer &&
         same_bytes(a.serial, b.serial) && a.role == b.role && same_bytes(a.public_key, b.public_key) &&
         same_bytes(a.signature, b.signature) && same_bytes(a.certificate, b.certificate) && a.ip == b.ip &&
         same_bytes(a.hash, b.hash) && a.hash_algorithm == b.hash_algorithm;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  auto list = parse_trust_list(input);
  if (!list) {
    require(list.error().offset <= size, "an error lies within the input");
    return 0;
  }
  SignedParts parts = signed_parts(input, list->header);
  require(parts.before.size() + parts.after.size() + 3 + list->header.signature.size() == size,
          "all but the signature is signed");

  auto written = build_trust_list(list->header, list->records);
  // Padding that stood out of place may be needed at the limit of the size.
  if (!written && size + 3 > kMaxTrustListSize) return 0;
  require(written.has_value(), "what was read can be written");
  Buffer file = insert_signature(std::move(*written), list->header.signature);
  auto again = parse_trust_list(file);
  require(again.has_value(), "what was written parses");
  require(fuzz::same_header(again->header, list->header), "it has the same header");
  require(std::ranges::equal(again->records, list->records, same), "it has the same records");
  return 0;
}
