#include "xml_text.h"

#include <fmt/core.h>
#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "anchord/base/ascii.h"

namespace anchord::trust {
namespace {

// Where a declaration ends at the latest: nobody writes a longer one.
constexpr std::size_t kMaxDeclaration = 256;
constexpr std::string_view kUtf8 = "UTF-8";

struct Encoding {
  std::string name = std::string(kUtf8);
  std::size_t mark = 0;     // bytes of a byte order mark
  bool told_apart = false;  // by its first bytes, whatever the declaration says
};

// A mark, or else how "<" looks. Longer ones first: one begins with another.
Encoding by_first_bytes(Bytes document) {
  struct Known {
    std::string_view begins;
    std::string_view name;
    bool is_mark;
  };
  using namespace std::string_view_literals;
  static constexpr std::array<Known, 9> kKnown{{{"\xff\xfe\0\0"sv, "UTF-32LE", true},
                                                {"\0\0\xfe\xff"sv, "UTF-32BE", true},
                                                {"<\0\0\0"sv, "UTF-32LE", false},
                                                {"\0\0\0<"sv, "UTF-32BE", false},
                                                {"\xef\xbb\xbf"sv, "UTF-8", true},
                                                {"\xff\xfe"sv, "UTF-16LE", true},
                                                {"\xfe\xff"sv, "UTF-16BE", true},
                                                {"<\0"sv, "UTF-16LE", false},
                                                {"\0<"sv, "UTF-16BE", false}}};
  for (const Known& known : kKnown)
    if (as_text(document).starts_with(known.begins))
      return {std::string(known.name), known.is_mark ? known.begins.size() : 0, true};
  return {};
}

struct Declared {
  std::string_view name;
  std::size_t at = 0;
};

// What `<?xml ... encoding="NAME" ...?>` at the front of an ASCII-like text says.
std::optional<Declared> declared_encoding(Bytes text) {
  constexpr std::string_view kWord = "encoding";
  std::string_view front = as_text(text).substr(0, kMaxDeclaration);
  if (!front.starts_with("<?xml")) return std::nullopt;
  front = front.substr(0, front.find("?>"));
  std::size_t at = front.find(kWord);
  if (at == std::string_view::npos) return std::nullopt;
  at = front.find_first_of("\"'", at + kWord.size());
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t end = front.find(front[at], at + 1);
  if (end == std::string_view::npos) return std::nullopt;
  return Declared{front.substr(at + 1, end - at - 1), at + 1};
}

// Whether it may be an encoding's name. One with "/" is refused: the C library takes orders behind it.
bool is_encoding_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '+';
  });
}

std::string folded(std::string_view name) {
  std::string out;
  for (char c : name)
    if (c != '-' && c != '_') out += to_lower(c);
  return out;
}

// Whether two spellings can mean one encoding: "utf16" and "UTF-16LE".
bool may_be(std::string_view said, std::string_view found) {
  const std::string a = folded(said);
  const std::string b = folded(found);
  return a == b || (b.starts_with(a) && (b.ends_with("le") || b.ends_with("be")) && a.size() + 2 == b.size());
}

// Spellings that are usual elsewhere, folded, where iconv's name is another one.
struct Alias {
  std::string_view folded;
  std::string_view name;
};
constexpr std::array kAliases{Alias{"gb231280", "GB2312"}, Alias{"iso88598i", "ISO-8859-8"},
                              Alias{"ksc56011987", "CP949"}, Alias{"macroman", "MACINTOSH"}};

// An encoding's name as iconv may have it, of one that it does not know: letters and digits are parted in
// another way ("Latin-1", "ISO8859_1", "CP-1252"), "x-" stands in front, or it is one of the aliases.
std::vector<std::string> other_spellings(std::string_view name) {
  std::vector<std::string> words;
  char before = '-';
  for (char c : name) {
    const bool in_word = is_letter(c) || is_digit(c);
    const bool begins = !is_letter(before) && !is_digit(before);
    if (in_word && (begins || is_digit(c) != is_digit(before))) words.emplace_back();
    if (in_word) words.back() += to_lower(c);
    before = c;
  }
  if (words.size() > 1 && words.front() == "x") words.erase(words.begin());
  if (!words.empty() && words.front() == "win") words.front() = "windows";
  std::vector<std::string> out;
  for (std::string_view between : {"-", "_", ""}) out.push_back(joined(words, between));
  for (const Alias& alias : kAliases)
    if (alias.folded == out.back()) out.emplace_back(alias.name);
  return out;
}

class Converter {
 public:
  explicit Converter(const std::string& from) : handle_(::iconv_open("UTF-8", from.c_str())) {
    if (known()) return;
    for (const std::string& other : other_spellings(from))
      if (handle_ = ::iconv_open("UTF-8", other.c_str()); known()) return;
  }
  ~Converter() {
    if (known()) ::iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  bool known() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  // False where the input is not in that encoding; what is in front of it is in `out`.
  bool convert(Bytes input, Buffer& out) {
    std::array<char, 64 * 1024> room;
    char* in = const_cast<char*>(as_text(input).data());  // iconv() reads it only
    std::size_t left = input.size();
    for (bool flushing = false;;) {
      char* to = room.data();
      std::size_t space = room.size();
      std::size_t done = ::iconv(handle_, flushing ? nullptr : &in, &left, &to, &space);
      const int error = errno;
      out.insert(out.end(), room.data(), to);
      if (done == static_cast<std::size_t>(-1) && error != E2BIG) return false;
      if (done == static_cast<std::size_t>(-1)) continue;
      if (flushing) return true;
      flushing = true;
    }
  }

 private:
  iconv_t handle_;
};

bool is_blank(std::uint8_t c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// XML 1.0 forbids it, and phones show something or nothing for it. Not NUL: there
// phones stop to read.
bool is_control(std::uint32_t c) {
  return c > 0 && c < 0x20 && c != '\t' && c != '\r' && c != '\n';
}

// The length of a reference to a control character at the front, as "&#x1F;"; else 0.
std::size_t control_reference(std::string_view text) {
  if (!text.starts_with("&#")) return 0;
  const bool is_hex = text.substr(2, 1) == "x";
  std::uint32_t value = 0;
  std::size_t at = is_hex ? 3 : 2;
  const std::size_t digits = at;
  for (; at < text.size() && at < digits + 8 && hex_value(text[at]) >= 0; ++at) {
    if (!is_hex && !is_digit(text[at])) return 0;
    value = value * (is_hex ? 16 : 10) + static_cast<std::uint32_t>(hex_value(text[at]));
  }
  if (at == digits || at == text.size() || text[at] != ';' || !is_control(value)) return 0;
  return at + 1;
}

void add_warning(std::string& warning, std::string_view more) {
  warning += warning.empty() ? "" : "; ";
  warning += more;
}

// NUL and Ctrl-Z at the end, blanks between them: what editors and old copiers leave.
void cut_end(XmlText& out) {
  std::size_t end = out.text.size();
  std::size_t kept = end;
  for (; end > 0 && (is_blank(out.text[end - 1]) || out.text[end - 1] == 0 || out.text[end - 1] == 0x1a);
       --end)
    if (!is_blank(out.text[end - 1])) kept = end - 1;
  if (kept == out.text.size()) return;
  const char* what = out.text[kept] == 0 ? "a NUL" : "a Ctrl-Z";
  add_warning(out.warning, at_line_and_column(out.text, kept, fmt::format("{} behind the end", what)));
  out.text = out.text.first(kept);
}

// Puts blanks in the place of control characters, in a copy that is made when there is one.
void blank_controls(XmlText& out) {
  std::size_t count = 0;
  std::size_t first = 0;
  std::uint32_t seen = 0;
  const std::string_view text = as_text(out.text);
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<std::uint8_t>(text[at]);
    const std::size_t length = is_control(c) ? 1 : c == '&' ? control_reference(text.substr(at, 16)) : 0;
    if (length == 0) continue;
    if (count++ == 0) {
      first = at;
      seen = c;
      if (out.made.empty()) out.made = to_buffer(out.text);
    }
    // `made` holds the same text, perhaps with what was cut off behind it.
    std::fill_n(out.made.begin() + static_cast<std::ptrdiff_t>(at), length, std::uint8_t{' '});
    at += length - 1;
  }
  if (count == 0) return;
  std::string what = seen == '&' ? "a reference to a control character"
                                 : fmt::format("a control character (0x{:02X})", seen);
  if (count > 1) what += fmt::format(" and {} more", count - 1);
  add_warning(out.warning, at_line_and_column(out.text, first, what));
  out.text = Bytes(out.made).first(out.text.size());
}

}  // namespace

std::string at_line_and_column(Bytes text, std::size_t offset, std::string_view what) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i < offset; ++i) {
    const std::uint8_t c = text[i];
    if (c == '\n' || (c == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))) {
      ++line;
      column = 1;
    } else if ((c & 0xc0) != 0x80) {
      ++column;
    }
  }
  return fmt::format("line {}, column {}: {}", line, column, what);
}

Result<XmlText> xml_text(Bytes document) {
  Encoding encoding = by_first_bytes(document);
  Bytes content = document.subspan(encoding.mark);
  XmlText out;
  std::optional<Declared> declared = encoding.told_apart ? std::nullopt : declared_encoding(content);
  std::size_t declared_at = 0;
  if (declared) {
    declared_at = declared->at;
    const std::string name = folded(declared->name);
    if (!is_encoding_name(declared->name))
      return fail(at_line_and_column(content, declared->at, "no name of an encoding"));
    if (name.starts_with("utf16") || name.starts_with("utf32") || name.starts_with("ucs"))
      return fail(at_line_and_column(content, declared->at,
                                     fmt::format("the file is not in {}, as it says", declared->name)));
    encoding.name = declared->name;
  }
  if (may_be(encoding.name, kUtf8)) {
    out.text = document;  // Expat knows the mark
  } else {
    Converter converter(encoding.name);
    if (!converter.known())
      return fail(at_line_and_column(content, declared_at,
                                     fmt::format("the encoding {} is not known here", encoding.name)));
    if (!converter.convert(content, out.made))
      return fail(at_line_and_column(out.made, out.made.size(),
                                     fmt::format("what is there is not in {}", encoding.name)));
    out.text = out.made;
  }
  if (encoding.told_apart) {
    auto said = declared_encoding(out.text.subspan(encoding.name == kUtf8 ? encoding.mark : 0));
    if (said && !may_be(said->name, encoding.name))
      add_warning(out.warning,
                  at_line_and_column(out.text, said->at,
                                     fmt::format("the file is in {}, not in {}", encoding.name, said->name)));
  }
  cut_end(out);
  blank_controls(out);
  return out;
}

}  // namespace anchord::trust
