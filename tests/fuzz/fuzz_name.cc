// Any name that is read, from text or DER, is the same after it was spelled in either
// way and read again; and the two readers of names accept the same.
#include <string>

#include "anchord/crypto/name.h"
#include "fuzz.h"

using namespace anchord;
using namespace anchord::crypto;
using fuzz::require;

namespace {

void check(const Name& name, const NormalName& normal) {
  require(normal.text().size() <= kMaxNormalName, "a normal form keeps to its limit");
  require(name.attributes().size() <= kMaxNameAttributes, "a name keeps to its limit");
  if (name.empty()) return;
  for (NameSpelling spelling : {NameSpelling::vendor, NameSpelling::open}) {
    std::string text = name.to_text(spelling);
    auto again = Name::parse(text);
    require(again.has_value(), "what was spelled parses");
    require(*again == name, "it is the same name");
    NormalName same;
    require(same.from_text(text) && same.text() == normal.text(), "it has the same normal form");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  NormalName normal;

  bool accepted = normal.from_text(as_text(input));
  auto name = Name::parse(as_text(input));
  require(accepted == name.has_value(), "both readers of text accept the same");
  if (name) check(*name, normal);

  accepted = normal.from_der(input);
  name = Name::from_der(input);
  require(accepted == name.has_value(), "both readers of DER accept the same");
  if (name) check(*name, normal);
  return 0;
}
