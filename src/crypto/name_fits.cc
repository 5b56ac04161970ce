// Comparing a name as others write it with a certificate's. The certificate's values guide
// the reading: where somebody does not escape, only they tell where a value ends.
#include <algorithm>
#include <array>
#include <optional>

#include "anchord/base/ascii.h"
#include "anchord/crypto/name.h"
#include "attribute_type.h"
#include "flat_name.h"

namespace anchord::crypto {
namespace {

bool may_be_cut(std::size_t size) {
  return size == kCutNameText || size + 1 == kCutNameText;
}

// Characters as UTF-8 has them: who cuts may count these or bytes.
std::size_t characters_in(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<std::uint8_t>(c) & 0xc0) != 0x80; }));
}

std::string_view without_blanks(std::string_view text) {
  skip_blanks(text);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

enum class Escaping { none, backslashes };

struct Compared {
  std::size_t text = 0;   // bytes of the text that were used
  std::size_t value = 0;  // bytes of the value that they stand for
};

// How far the text says the value.
Compared compare(std::string_view text, std::string_view value, Escaping escaping) {
  Compared done;
  while (done.text < text.size() && done.value < value.size()) {
    std::string_view left = text.substr(done.text);
    char said = left[0];
    std::size_t used = 1;
    if (escaping == Escaping::backslashes && said == '\\' && left.size() > 1) {
      std::size_t x = left[1] == 'x' ? 1 : 0;  // OpenSSL's one line has \xHH
      int high = left.size() > 1 + x ? hex_value(left[1 + x]) : -1;
      int low = left.size() > 2 + x ? hex_value(left[2 + x]) : -1;
      bool hex = high >= 0 && low >= 0;
      said = hex ? static_cast<char>(high << 4 | low) : left[1];
      used = hex ? 3 + x : 2;
    }
    if (to_lower(said) != to_lower(value[done.value])) break;
    done.text += used;
    ++done.value;
  }
  return done;
}

class Fitting {
 public:
  explicit Fitting(std::string_view text)
      : rest_(without_blanks(text)), cut_(may_be_cut(text.size()) || may_be_cut(characters_in(text))) {
    slashes_ = rest_.starts_with('/');  // as OpenSSL writes names in one line
    if (slashes_) rest_.remove_prefix(1);
  }

  bool fits(const FlatName& name);

 private:
  using Size = std::optional<std::size_t>;  // of the text that an attribute takes, its separator included

  bool take_attribute(const FlatName& name);
  Size size_of(std::string_view value) const;
  Size quoted_size_of(std::string_view value) const;
  Size plain_size_of(std::string_view value, Escaping escaping) const;
  Size with_separator(std::size_t size) const;

  std::string_view rest_;
  bool cut_;  // the last value may be the beginning of one
  bool slashes_ = false;
  std::array<bool, kMaxNameAttributes> used_{};
};

bool Fitting::fits(const FlatName& name) {
  if (rest_.empty()) return name.count() == 0;
  do {
    if (!take_attribute(name)) return false;
    // A type that was cut, without its '='.
  } while (!rest_.empty() && !(cut_ && !rest_.contains('=')));
  return true;
}

// Takes the attribute of the text's next type; of several, the one of which the text says most.
bool Fitting::take_attribute(const FlatName& name) {
  std::string_view type = take_type(rest_);
  auto canonical = canonical_type(type);
  if (!canonical) return false;
  skip_blanks(rest_);
  while (rest_.starts_with("\\ ")) {  // blanks, escaped
    rest_.remove_prefix(2);
    skip_blanks(rest_);
  }
  Size longest;
  std::size_t which = 0;
  for (std::size_t i = 0; i < name.count(); ++i) {
    if (used_[i] || name.type(i) != *canonical) continue;
    Size size = size_of(without_blanks(name.value(i)));
    if (!size || (longest && *size <= *longest)) continue;
    longest = size;
    which = i;
  }
  if (!longest) return false;
  used_[which] = true;
  rest_.remove_prefix(*longest);
  skip_blanks(rest_);
  return true;
}

Fitting::Size Fitting::size_of(std::string_view value) const {
  if (Size quoted = quoted_size_of(value)) return quoted;
  Size plain = plain_size_of(value, Escaping::none);
  Size escaped = plain_size_of(value, Escaping::backslashes);
  return plain && escaped ? std::max(plain, escaped) : plain ? plain : escaped;
}

// One quote without a second: the text was cut within the value.
Fitting::Size Fitting::quoted_size_of(std::string_view value) const {
  if (!rest_.starts_with('"')) return {};
  std::string_view inside = rest_.substr(1);
  skip_blanks(inside);
  for (Escaping escaping : {Escaping::none, Escaping::backslashes}) {
    Compared done = compare(inside, value, escaping);
    std::string_view behind = inside.substr(done.text);
    skip_blanks(behind);
    if (behind.empty()) return done.value > 0 ? Size(rest_.size()) : Size();
    bool whole = done.value == value.size() || may_be_cut(done.value);
    if (whole && behind[0] == '"') return with_separator(rest_.size() - behind.size() + 1);
  }
  return {};
}

Fitting::Size Fitting::plain_size_of(std::string_view value, Escaping escaping) const {
  Compared done = compare(rest_, value, escaping);
  bool whole = done.value == value.size();
  if (!whole && done.text == rest_.size()) return cut_ ? Size(done.text) : Size();
  if (!whole && !may_be_cut(done.value)) return {};
  return with_separator(done.text);
}

// Blanks, and a separator with an attribute behind it or nothing.
Fitting::Size Fitting::with_separator(std::size_t size) const {
  std::string_view behind = rest_.substr(size);
  skip_blanks(behind);
  // A blank at the end of a value, escaped.
  while (behind.starts_with("\\ ") || behind == "\\")
    behind.remove_prefix(std::min<std::size_t>(2, behind.size()));
  if (behind.empty()) return rest_.size();
  std::string_view separators = slashes_ ? "/+" : ",;+";
  if (!separators.contains(behind[0])) return {};
  behind.remove_prefix(1);
  std::string_view next = behind;
  skip_blanks(next);
  if (!next.empty() && !starts_attribute(next) && !(cut_ && !next.contains('='))) return {};
  return rest_.size() - behind.size();
}

}  // namespace

bool name_fits(std::string_view text, Bytes name_der) {
  if (text.size() > FlatName::kMaxText) return false;
  FlatName name;
  return name.scan_der(name_der) == nullptr && Fitting(text).fits(name);
}

}  // namespace anchord::crypto
