#include "config_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "anchord/base/ascii.h"

namespace anchord::app {
namespace {

constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";
// Of UTF-16, either way round; UTF-32's little-endian one begins so, too.
constexpr std::string_view kUtf16Marks[] = {"\xfe\xff", "\xff\xfe"};

constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

// What cannot be a text at all: told once, since nothing else in it means anything.
std::optional<ConfigMistake> no_text(std::string_view text) {
  for (std::string_view mark : kUtf16Marks)
    if (text.starts_with(mark)) return ConfigMistake{1, "it is in UTF-16: save it as UTF-8"};
  const auto bad = std::ranges::find_if(text, is_control);
  if (bad == text.end()) return std::nullopt;
  const auto line = static_cast<std::size_t>(1 + std::count(text.begin(), bad, '\n'));
  return ConfigMistake{line, fmt::format("the byte 0x{:02x} is no text: give a TOML file",
                                         static_cast<unsigned>(static_cast<unsigned char>(*bad)))};
}

// Bytes that follow the first one of a character; nothing when it cannot be one.
std::optional<std::size_t> followers(unsigned char first) {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first < 0xe0) return 1;
  if (first >= 0xe0 && first < 0xf0) return 2;
  if (first >= 0xf0 && first < 0xf5) return 3;
  return std::nullopt;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto count = followers(static_cast<unsigned char>(text[i]));
    if (!count || text.size() - i <= *count) return false;
    for (; *count > 0; --*count)
      if ((static_cast<unsigned char>(text[++i]) & 0xc0) != 0x80) return false;
  }
  return true;
}

void append_utf8(std::string& out, std::uint32_t c) {
  auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

// 10_000 is a number of TOML's.
std::string without_underscores(std::string word) {
  const bool number = !word.empty() && is_digit(word.front()) && is_digit(word.back()) &&
                      std::ranges::all_of(word, [](char c) { return is_digit(c) || c == '_'; });
  if (number) std::erase(word, '_');
  return word;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  ConfigText all() {
    if (text_.starts_with(kUtf8Mark)) text_.remove_prefix(kUtf8Mark.size());
    if (auto bad = no_text(text_)) {
      out_.mistakes.push_back(*bad);
      return std::move(out_);
    }
    for (skip_empty(); !at_end(); skip_empty()) read_setting();
    return std::move(out_);
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char next() const { return at_end() ? '\n' : text_[at_]; }
  bool at_line_end() const { return next() == '\n' || next() == '\r'; }
  bool at_comment() const { return next() == '#'; }
  void step() {
    if (next() == '\n') ++line_;
    ++at_;
  }
  void skip_blanks() {
    while (next() == ' ' || next() == '\t') step();
  }
  void skip_line() {
    while (!at_end() && next() != '\n') step();
  }
  // With the lines that have no setting.
  void skip_empty() {
    while (!at_end()) {
      if (at_comment() || next() == ';') {
        skip_line();
      } else if (next() == ' ' || next() == '\t' || at_line_end()) {
        step();
      } else {
        return;
      }
    }
  }
  void fail(std::size_t line, std::string what) {
    if (what_.empty()) what_ = std::move(what);
    bad_line_ = bad_line_ == 0 ? line : bad_line_;
  }
  std::string rest_of_line() const {
    const std::string_view rest = text_.substr(at_, text_.find_first_of("\r\n", at_) - at_);
    return std::string(trimmed(rest));
  }

  void read_setting();
  std::string name();
  void value(std::vector<std::string>& out);
  void array(std::vector<std::string>& out);
  std::string quoted_text();
  void escape(std::string& out);
  std::string word();

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::string what_;  // the mistake in the present setting
  std::size_t bad_line_ = 0;
  ConfigText out_;
};

void Reader::read_setting() {
  what_.clear();
  bad_line_ = 0;
  ConfigSetting setting{.line = line_, .name = {}, .values = {}};
  const std::size_t began = at_;
  if (next() == '[') {
    fail(line_, fmt::format("there are no sections: '{}'", rest_of_line()));
  } else {
    setting.name = name();
    skip_blanks();
    if (what_.empty() && (at_line_end() || at_comment())) {
      setting.values = {"true"};
    } else if (what_.empty() && next() != '=') {
      fail(line_, fmt::format("'{}' is no setting: write NAME = VALUE", setting.name + " " + rest_of_line()));
    } else if (what_.empty()) {
      step();
      skip_blanks();
      value(setting.values);
    }
    skip_blanks();
    if (what_.empty() && !at_line_end() && !at_comment())
      fail(line_, fmt::format("there is more behind the value of '{}': '{}'; several values are written as "
                              "[\"A\", \"B\"]",
                              setting.name, rest_of_line()));
  }
  if (what_.empty() && !is_utf8(text_.substr(began, at_ - began)))
    fail(setting.line, fmt::format("what is set is no UTF-8: save the file as UTF-8"));
  skip_line();
  if (what_.empty()) {
    out_.settings.push_back(std::move(setting));
  } else {
    out_.mistakes.push_back({bad_line_, what_});
  }
}

std::string Reader::name() {
  if (next() == '"' || next() == '\'') return quoted_text();
  std::string out;
  while (!at_line_end() && next() != '=' && next() != ' ' && next() != '\t' && !at_comment()) {
    out += next();
    step();
  }
  if (out.empty()) fail(line_, fmt::format("a name is missing: '{}'", rest_of_line()));
  return out;
}

void Reader::value(std::vector<std::string>& out) {
  if (next() == '[') return array(out);
  if (next() == '"' || next() == '\'') {
    out.push_back(quoted_text());
  } else if (at_line_end() || at_comment()) {
    fail(line_, "the value is missing: write NAME = VALUE");
  } else {
    out.push_back(word());
  }
}

void Reader::array(std::vector<std::string>& out) {
  const std::size_t began = line_;
  step();
  for (bool wanted = true;;) {
    skip_empty();
    if (at_end()) return fail(began, "the array that begins here has no end: ']' is missing");
    if (next() == ']') return step();
    if (!wanted) return fail(line_, "a comma is missing between the values of an array");
    if (next() == '[') return fail(line_, "there are no arrays in arrays");
    value(out);
    if (!what_.empty()) return;
    skip_empty();
    wanted = next() == ',';
    if (wanted && !at_end()) step();
  }
}

std::string Reader::quoted_text() {
  const char quote = next();
  if (text_.substr(at_).starts_with(std::string(3, quote))) {
    fail(line_, "there are no texts of several lines");
    return {};
  }
  step();
  std::string out;
  while (next() != quote) {
    if (at_line_end()) {
      fail(line_, fmt::format("the text has no end: {} is missing", quote));
      return out;
    }
    if (quote == '"' && next() == '\\') {
      escape(out);
    } else {
      out += next();
      step();
    }
  }
  step();
  return out;
}

void Reader::escape(std::string& out) {
  constexpr std::string_view kNames = "\"\\tnr";
  constexpr std::string_view kMeant = "\"\\\t\n\r";
  step();
  if (const std::size_t plain = kNames.find(next()); plain != std::string_view::npos && !at_end()) {
    out += kMeant[plain];
    return step();
  }
  std::uint32_t code = 0;
  const bool is_code = next() == 'u';
  for (int digits = 0; is_code && digits < 4; ++digits) {
    step();
    const int digit = hex_value(next());
    if (digit < 0) return fail(line_, "behind \\u there are four hexadecimal digits");
    code = code << 4 | static_cast<std::uint32_t>(digit);
  }
  if (!is_code || code < 0x20 || (code >= 0xd800 && code < 0xe000))
    return fail(line_, "there is no such escape: write \\\\ for a backslash, or the text in '...'");
  append_utf8(out, code);
  step();
}

std::string Reader::word() {
  std::string out;
  while (!at_line_end() && std::string_view(" \t,]#").find(next()) == std::string_view::npos) {
    out += next();
    step();
  }
  return without_underscores(std::move(out));
}

}  // namespace

ConfigText read_config_text(std::string_view text) {
  return Reader(text).all();
}

}  // namespace anchord::app
