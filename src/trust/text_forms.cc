#include "text_forms.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "anchord/base/ascii.h"

namespace anchord::trust {
namespace {

// Digits that a stretch has at least: fewer hold no element with a secret.
constexpr std::size_t kShortest = 32;

constexpr int kNoDigit = -1;

// Values of base64's digits, by character.
constexpr auto kBase64 = [] {
  std::array<std::int8_t, 256> out{};
  out.fill(kNoDigit);
  for (std::size_t i = 0; i < 26; ++i) {
    out['A' + i] = static_cast<std::int8_t>(i);
    out['a' + i] = static_cast<std::int8_t>(26 + i);
  }
  for (std::size_t i = 0; i < 10; ++i) out['0' + i] = static_cast<std::int8_t>(52 + i);
  out['+'] = out['-'] = 62;
  out['/'] = out['_'] = 63;
  return out;
}();

int base64_value(char c) {
  return kBase64[static_cast<std::uint8_t>(c)];
}

int hexadecimal_value(char c) {
  return hex_value(c);
}

bool ends_line(char c) {
  return c == '\r' || c == '\n';
}

// Stretches of digits; ends of lines do not end one. As long as each is, one character in so many is enough
// to find it: most files have none.
template <class Value, class Take>
void for_each_stretch(std::string_view text, Value value_of, Take take) {
  const auto is_in = [&](std::size_t at) { return value_of(text[at]) >= 0 || ends_line(text[at]); };
  std::size_t done = 0;
  for (std::size_t at = kShortest - 1; at < text.size(); at += kShortest) {
    if (!is_in(at)) continue;
    std::size_t begin = at;
    while (begin > done && is_in(begin - 1)) --begin;
    while (at < text.size() && is_in(at)) ++at;
    if (at - begin >= kShortest) take(text.substr(begin, at - begin));
    done = at;
  }
}

// Gives bytes on in pieces, so that they take no memory.
class Pieces {
 public:
  explicit Pieces(const std::function<void(Bytes)>& take) : take_(take) {}

  void add(std::uint8_t byte) {
    piece_[size_++] = byte;
    if (size_ == piece_.size()) flush();
  }
  void flush() {
    take_(Bytes(piece_).first(size_));
    size_ = 0;
  }

 private:
  const std::function<void(Bytes)>& take_;
  std::array<std::uint8_t, 16 << 10> piece_{};
  std::size_t size_ = 0;
};

// Digits with `bits` each, without the first few.
template <class Value>
void decode(std::string_view digits, std::size_t skipped, unsigned bits, Value value_of, Pieces& out) {
  std::uint32_t held = 0;
  unsigned held_bits = 0;
  for (char c : digits) {
    if (ends_line(c) || (skipped > 0 && skipped-- > 0)) continue;
    held = held << bits | static_cast<std::uint32_t>(value_of(c));
    held_bits += bits;
    if (held_bits < 8) continue;
    held_bits -= 8;
    out.add(static_cast<std::uint8_t>(held >> held_bits));
  }
  out.flush();
}

// Whether "<" is among them.
bool has_url_escapes(std::string_view text) {
  for (std::size_t at = text.find("%3"); at != text.npos; at = text.find("%3", at + 1))
    if (at + 2 < text.size() && to_lower(text[at + 2]) == 'c') return true;
  return false;
}

void resolve_url_escapes(std::string_view text, Pieces& out) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    const int high = c == '%' && at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
    if (const int low = high >= 0 ? hex_value(text[at + 2]) : -1; low >= 0) {
      c = static_cast<char>(high << 4 | low);
      at += 2;
    }
    out.add(static_cast<std::uint8_t>(c));
  }
  out.flush();
}

}  // namespace

// Digits of hexadecimal are some of base64's.
std::uint64_t most_decoded(Bytes file) {
  const std::string_view text = as_text(file);
  std::uint64_t size = has_url_escapes(text) ? file.size() : 0;
  for_each_stretch(text, base64_value, [&](std::string_view digits) { size += digits.size(); });
  return size;
}

// Words in front may look like digits, too, so that where the first one stands is not known.
void decode_text(Bytes file, const std::function<void(Bytes piece)>& take, const std::function<void()>& end) {
  const std::string_view text = as_text(file);
  Pieces out(take);
  for_each_stretch(text, base64_value, [&](std::string_view digits) {
    for (std::size_t skipped = 0; skipped < 4; ++skipped) {
      decode(digits, skipped, 6, base64_value, out);
      end();
    }
  });
  for_each_stretch(text, hexadecimal_value, [&](std::string_view digits) {
    for (std::size_t skipped = 0; skipped < 2; ++skipped) {
      decode(digits, skipped, 4, hexadecimal_value, out);
      end();
    }
  });
  if (!has_url_escapes(text)) return;
  resolve_url_escapes(text, out);
  end();
}

}  // namespace anchord::trust
