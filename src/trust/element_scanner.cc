#include "element_scanner.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "anchord/base/ascii.h"

namespace anchord::trust {
namespace {

// What of a text is looked at: no password is longer.
constexpr std::size_t kMaxText = 1024;
// Random bytes look as tags do: a name, or attributes, that are longer are none.
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxAttributes = 4096;
constexpr std::size_t kMaxReference = 10;  // "&#x10FFFF;"

constexpr std::string_view kCdata = "![CDATA[";
constexpr std::string_view kCdataEnd = "]]>";
constexpr std::string_view kComment = "!--";

bool begins_name(char c) {
  return is_letter(c) || c == '_';
}

bool is_of_name(char c) {
  return begins_name(c) || is_digit(c) || c == '-' || c == '.' || c == ':';
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

// The character that a reference names by the text between "&" and ";".
std::optional<std::uint32_t> referred(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [known, c] : kNamed)
    if (name == known) return c;
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const bool is_hex = name.starts_with('x');
  if (is_hex) name.remove_prefix(1);
  if (name.empty()) return std::nullopt;
  std::uint32_t code = 0;
  for (char c : name) {
    if (is_hex ? hex_value(c) < 0 : !is_digit(c)) return std::nullopt;
    code = code * (is_hex ? 16 : 10) + static_cast<std::uint32_t>(hex_value(c));
    if (code > 0x10ffff) return std::nullopt;
  }
  return code;
}

std::string resolved(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.front() == '&' ? text.substr(0, kMaxReference).find(';') : text.npos;
    if (auto code = end != text.npos ? referred(text.substr(1, end - 1)) : std::nullopt) {
      append_utf8(out, *code);
      text.remove_prefix(end + 1);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

void ElementScanner::feed(Bytes piece) {
  const char* at = as_text(piece).data();
  for (const char* end = at + piece.size(); at != end; ++at) {
    if (state_ == State::text && !wanted_) {
      at = static_cast<const char*>(std::memchr(at, '<', static_cast<std::size_t>(end - at)));
      if (at == nullptr) return;
    }
    if (*at != 0) take(*at);
  }
}

void ElementScanner::take(char c) {
  switch (state_) {
    case State::text:
      if (c != '<') return add(c);
      name_.clear();
      state_ = State::markup;
      return;
    case State::markup:
      return in_markup(c);
    case State::name:
      if (is_of_name(c) && name_.size() < kMaxName) {
        name_ += c;
        return;
      }
      return end_name(c);
    case State::attributes:
      if (c == '<') {
        name_.clear();
        state_ = State::markup;
      } else if (c == '>') {
        open(last_ == '/');
      } else if (++attributes_ > kMaxAttributes) {
        state_ = State::text;
      }
      last_ = c;
      return;
    case State::cdata:
      add(c);
      if (text_.ends_with(kCdataEnd)) {
        text_.resize(text_.size() - kCdataEnd.size());
        state_ = State::text;
      } else if (text_.size() == kMaxText) {
        end_text();
        state_ = State::text;
      }
  }
}

void ElementScanner::in_markup(char c) {
  if (name_.empty() && c == '<') return;
  name_ += c;
  if (kCdata.starts_with(name_) && (wanted_ || name_ != kCdata)) {
    if (name_ == kCdata) state_ = State::cdata;
    return;
  }
  if (kComment.starts_with(name_) && name_ != kComment) return;
  end_text();
  if (name_.size() > 1 && c == '<') {
    name_.clear();
    return;
  }
  state_ = name_.size() == 1 && begins_name(c) ? State::name : State::text;
}

void ElementScanner::end_name(char c) {
  attributes_ = 0;
  last_ = c;
  if (c == '>') return open(false);
  if (c == '<') {
    name_.clear();
    state_ = State::markup;
  } else {
    state_ = c == '/' || c == ' ' || c == '\t' || c == '\r' || c == '\n' ? State::attributes : State::text;
  }
}

void ElementScanner::open(bool is_empty) {
  state_ = State::text;
  element_ = lower_case(std::string_view(name_).substr(name_.rfind(':') + 1));
  text_.clear();
  wanted_ = visitor_.begin(element_) && !is_empty;
}

bool ElementScanner::end() {
  const bool is_within = wanted_ && !resolved(text_).empty();
  end_text();
  return is_within;
}

void ElementScanner::end_text() {
  if (std::exchange(wanted_, false)) visitor_.text(element_, resolved(text_));
}

void ElementScanner::add(char c) {
  if (text_.size() < kMaxText) text_ += c;
}

}  // namespace anchord::trust
