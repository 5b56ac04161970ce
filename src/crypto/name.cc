#include "anchord/crypto/name.h"

#include <fmt/core.h>

#include <algorithm>

#include "flat_name.h"

namespace anchord::crypto {
namespace {

std::vector<Name::Attribute> attributes_of(const FlatName& flat) {
  std::vector<Name::Attribute> out;
  out.reserve(flat.count());
  for (std::size_t i = 0; i < flat.count(); ++i) {
    out.push_back({std::string(flat.type(i)), std::string(flat.value(i)), flat.joined(i)});
  }
  return out;
}

using AttributeSpan = std::span<const Name::Attribute>;

// How many of the first attributes form one set.
std::size_t set_size(AttributeSpan from) {
  std::size_t size = 1;
  while (size < from.size() && from[size].joined) ++size;
  return size;
}

// The vendor's order of attributes: what it writes is in this one, whatever the
// certificate's is. Others come last.
std::size_t vendor_place(std::string_view type) {
  static constexpr std::array<std::string_view, 6> kOrder{"CN", "OU", "O", "L", "ST", "C"};
  return static_cast<std::size_t>(std::ranges::find(kOrder, type) - kOrder.begin());
}

// Attributes of one set stay in their order: spelling backwards turns the sets around.
std::vector<AttributeSpan> sets_of(AttributeSpan all, bool backwards) {
  std::vector<AttributeSpan> out;
  while (!all.empty()) {
    std::size_t size = set_size(all);
    out.push_back(all.first(size));
    all = all.subspan(size);
  }
  if (backwards) std::ranges::reverse(out);
  return out;
}

// RFC 4514, section 2.4.
void append_escaped(std::string_view value, std::string& out) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    bool outer_blank = c == ' ' && (i == 0 || i + 1 == value.size());
    bool leading_hash = c == '#' && i == 0;
    if (outer_blank || leading_hash || std::string_view("\"+,;<>\\").contains(c)) out += '\\';
    out += c;
  }
}

}  // namespace

Result<Name> Name::from_der(Bytes der) {
  FlatName flat;
  if (const char* problem = flat.scan_der(der)) return fail(fmt::format("bad name: {}", problem));
  Name out;
  out.attributes_ = attributes_of(flat);
  return out;
}

Result<Name> Name::parse(std::string_view text) {
  FlatName flat;
  if (const char* problem = flat.scan_text(text)) {
    return fail(fmt::format("bad name '{:.200}': {}", text, problem));
  }
  Name out;
  std::vector<Attribute> read = attributes_of(flat);
  for (AttributeSpan set : sets_of(read, flat.reversed())) {
    out.attributes_.insert(out.attributes_.end(), set.begin(), set.end());
  }
  return out;
}

std::string Name::to_text(NameSpelling spelling) const {
  bool vendor = spelling == NameSpelling::vendor;
  std::string out;
  std::vector<AttributeSpan> sets = sets_of(attributes_, vendor);
  // Those of one place stay in their order, which is the array's from its end.
  if (vendor)
    std::ranges::sort(sets, [](AttributeSpan a, AttributeSpan b) {
      std::size_t its = vendor_place(a[0].type);
      std::size_t others = vendor_place(b[0].type);
      return its != others ? its < others : a.data() > b.data();
    });
  for (AttributeSpan set : sets) {
    for (const Attribute& attribute : set) {
      bool joined = &attribute != set.data();
      if (!out.empty()) out += joined ? '+' : vendor ? ';' : ',';
      out += attribute.type;
      out += '=';
      append_escaped(attribute.value, out);
    }
  }
  return out;
}

std::string_view Name::value_of(std::string_view type) const {
  auto found = std::ranges::find(attributes_, type, &Attribute::type);
  return found == attributes_.end() ? std::string_view{} : found->value;
}

namespace {

std::size_t write_sorted(const FlatName& flat, std::array<char, kMaxNormalName>& room) {
  std::array<std::string_view, kMaxNameAttributes> pairs;
  for (std::size_t i = 0; i < flat.count(); ++i) pairs[i] = flat.pair(i);
  std::sort(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(flat.count()));
  char* at = room.data();
  for (std::size_t i = 0; i < flat.count(); ++i) {
    if (i > 0) *at++ = '\0';
    at = std::ranges::copy(pairs[i], at).out;
  }
  return static_cast<std::size_t>(at - room.data());
}

}  // namespace

bool NormalName::from_text(std::string_view text) {
  FlatName flat;
  bool ok = flat.scan_text(text) == nullptr;
  size_ = ok ? write_sorted(flat, text_) : 0;
  return ok;
}

bool NormalName::from_der(Bytes name_der) {
  FlatName flat;
  bool ok = flat.scan_der(name_der) == nullptr;
  size_ = ok ? write_sorted(flat, text_) : 0;
  return ok;
}

}  // namespace anchord::crypto
