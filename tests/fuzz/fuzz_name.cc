// Any name that is read, from text or DER, is the same after it was spelled in either
// way and read again; the two readers of names accept the same; and a certificate's name
// is fitted by its own spellings.
#include <algorithm>
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
    if (spelling == NameSpelling::open) require(*again == name, "it is the same name");
    NormalName same;
    require(same.from_text(text) && same.text() == normal.text(), "it has the same normal form");
  }
}

// A value with another attribute in it may be read in more than one way.
bool plain(const Name& name) {
  return std::ranges::none_of(name.attributes(),
                              [](const Name::Attribute& a) { return a.value.contains('='); });
}

void check_fits(const Name& name, Bytes der) {
  if (name.empty() || !plain(name)) return;
  require(name_fits(name.to_vendor(), der), "the vendor's spelling fits");
  require(name_fits(name.to_open(), der), "the open spelling fits");
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
  if (name) {
    check(*name, normal);
    check_fits(*name, input);
  }

  // A text, a NUL, and a name in DER.
  auto nul = std::ranges::find(input, std::uint8_t{0});
  if (nul != input.end()) {
    auto size_of_text = static_cast<std::size_t>(nul - input.begin());
    (void)name_fits(as_text(input.first(size_of_text)), input.subspan(size_of_text + 1));
  }
  return 0;
}
