#include "anchord/wire/http.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "anchord/base/ascii.h"
#include "anchord/wire/file_name.h"

namespace anchord::wire {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// Letters, digits, and these.
class CharacterSet {
 public:
  explicit constexpr CharacterSet(std::string_view others) {
    for (unsigned char c = 0; c < 0x80; ++c)
      in_[c] = is_digit(static_cast<char>(c)) || is_letter(static_cast<char>(c));
    for (char c : others) in_[static_cast<unsigned char>(c)] = true;
  }
  bool holds_all(std::string_view text) const {
    return std::ranges::all_of(text, [this](char c) { return in_[static_cast<unsigned char>(c)]; });
  }

 private:
  std::array<bool, 256> in_{};
};

constexpr CharacterSet kTokenCharacters("!#$%&'*+-.^_`|~");          // RFC 9110, 5.6.2
constexpr CharacterSet kAuthorityCharacters("-._~!$&'()*+,;=%:[]");  // RFC 3986, 3.2.2

bool is_token(std::string_view text) {
  return !text.empty() && kTokenCharacters.holds_all(text);
}

bool is_visible(char c) {
  return c > 0x20 && c < 0x7f;
}

// What a field's value may hold: RFC 9110, 5.5, bytes above ASCII included.
bool is_value_char(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

// Takes the element in front of a comma-separated list.
std::string_view next_element(std::string_view& list) {
  std::size_t end = std::min(list.find(','), list.size());
  std::string_view element = trimmed(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return element;
}

// host [ ":" port ], as it may stand in Host and in an absolute target. What it names
// is of no interest here.
bool is_authority(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos) {
    if (!std::ranges::all_of(text.substr(colon + 1), is_digit)) return false;
    text = text.substr(0, colon);
  }
  return kAuthorityCharacters.holds_all(text);
}

class HeadReader {
 public:
  HeadReader(std::string_view input, HttpRequest& out) : input_(input), out_(out) {}

  // The size of the head, or 0 for "not whole yet".
  std::expected<std::size_t, HttpRefusal> read();

 private:
  // Reads on with what is there of a line; `visible` says which characters may be in it.
  template <class Allowed>
  bool next_line(std::size_t limit, HttpStatus too_long, Allowed&& allowed);
  void read_request_line();
  void read_target(std::string_view target);
  void read_version(std::string_view version);
  void read_field();
  void keep(std::string_view& into, std::string_view value);
  void read_host(std::string_view value);
  void read_connection(std::string_view value);
  void read_length(std::string_view value);
  void finish();

  void refuse(HttpStatus status, const char* problem) {
    if (!refused_) refusal_ = {status, problem, line_at_};
    refused_ = true;
  }
  void refuse(const char* problem) { refuse(HttpStatus::bad_request, problem); }

  std::string_view input_;
  HttpRequest& out_;
  std::size_t at_ = 0;       // behind the last whole line
  std::size_t line_at_ = 0;  // where `line_` begins
  std::string_view line_;
  bool refused_ = false;
  HttpRefusal refusal_;
  bool close_ = false;
  bool keep_alive_ = false;
  bool unclear_ = false;  // one of the conditions is repeated or empty
  unsigned hosts_ = 0;
  unsigned lengths_ = 0;
  unsigned codings_ = 0;
};

// Whether there is a whole line, which is then in `line_`. What is wrong in a line that
// is not whole is found too, so that nobody waits for the rest of garbage.
template <class Allowed>
bool HeadReader::next_line(std::size_t limit, HttpStatus too_long, Allowed&& allowed) {
  line_at_ = at_;
  std::string_view rest = input_.substr(at_, limit + kLineEnd.size());
  std::size_t size = static_cast<std::size_t>(std::ranges::find_if_not(rest, allowed) - rest.begin());
  std::string_view behind = rest.substr(size, kLineEnd.size());
  line_ = rest.substr(0, size);
  if (size > limit) {
    refuse(too_long, "is too long");
  } else if (behind != kLineEnd.substr(0, behind.size())) {
    refuse("holds a character that may not be there");
  } else if (behind == kLineEnd) {
    at_ += size + kLineEnd.size();
    return true;
  }
  return false;
}

std::expected<std::size_t, HttpRefusal> HeadReader::read() {
  auto is_line_char = [](char c) { return c == ' ' || is_visible(c); };
  // RFC 9112, 2.2: one empty line in front is left over from an earlier request.
  bool whole = next_line(kMaxHttpRequestLine, HttpStatus::uri_too_long, is_line_char);
  if (whole && line_.empty()) whole = next_line(kMaxHttpRequestLine, HttpStatus::uri_too_long, is_line_char);
  if (whole) read_request_line();
  for (std::size_t fields = 0; whole && !refused_; ++fields) {
    // Behind each line comes at least the empty one that ends the head.
    if (at_ + kLineEnd.size() > kMaxHttpHead) {
      refuse(HttpStatus::fields_too_large, "is too long");
      break;
    }
    whole = next_line(kMaxHttpHead - at_ - kLineEnd.size(), HttpStatus::fields_too_large, is_value_char);
    if (whole && line_.empty()) {
      finish();
      break;
    }
    if (whole && fields == kMaxHttpFields) refuse(HttpStatus::fields_too_large, "is one field too many");
    if (whole && !refused_) read_field();
  }
  if (refused_) return std::unexpected(refusal_);
  return whole ? at_ : 0;
}

void HeadReader::read_request_line() {
  std::size_t first = line_.find(' ');
  std::size_t second = line_.find(' ', std::min(first, line_.size() - 1) + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return refuse("is no request");
  std::string_view method = line_.substr(0, first);
  if (!is_token(method)) return refuse("has no method");
  if (method == "GET") out_.method = HttpMethod::get;
  if (method == "HEAD") out_.method = HttpMethod::head;
  read_version(line_.substr(second + 1));
  read_target(line_.substr(first + 1, second - first - 1));
}

void HeadReader::read_version(std::string_view version) {
  bool is_version = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                    version[6] == '.' && is_digit(version[7]);
  if (!is_version) return refuse("has no version");
  if (version[5] != '1') return refuse(HttpStatus::version_not_supported, "has a version other than 1");
  out_.v1_1 = version[7] != '0';
}

void HeadReader::read_target(std::string_view target) {
  constexpr std::string_view kSchemes[] = {"http://", "https://"};
  if (target.empty() || !std::ranges::all_of(target, is_visible) || target.contains('#'))
    return refuse("has no target");
  for (std::string_view scheme : kSchemes) {
    if (!starts_ignoring_case(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    std::size_t end = std::min(target.find_first_of("/?"), target.size());
    if (end == 0 || !is_authority(target.substr(0, end))) return refuse("has a target without a host");
    target.remove_prefix(end);
    out_.target = target;
    return;
  }
  // Other forms belong to methods that are not served.
  if (out_.method != HttpMethod::other && !target.starts_with('/')) return refuse("has no path");
  out_.target = target;
}

void HeadReader::read_field() {
  // A line that begins with a space would continue the one before: long obsolete, and
  // read in different ways. So is a space in front of the colon.
  std::size_t colon = line_.find(':');
  if (colon == std::string_view::npos || !is_token(line_.substr(0, colon))) return refuse("is no field");
  std::string_view name = line_.substr(0, colon);
  std::string_view value = trimmed(line_.substr(colon + 1));
  auto is = [&](std::string_view known) { return same_ignoring_case(name, known); };
  if (is("host")) return read_host(value);
  if (is("connection")) return read_connection(value);
  if (is("content-length")) return read_length(value);
  if (is("transfer-encoding")) {
    ++codings_;
  } else if (is("range")) {
    keep(out_.range, value);
  } else if (is("if-range")) {
    keep(out_.if_range, value);
  } else if (is("if-none-match")) {
    keep(out_.if_none_match, value);
  }
}

void HeadReader::keep(std::string_view& into, std::string_view value) {
  unclear_ = unclear_ || into.data() != nullptr || value.empty();
  into = value;
}

void HeadReader::read_host(std::string_view value) {
  if (++hosts_ > 1) return refuse("is a second Host");
  if (!is_authority(value)) return refuse("is a Host that names none");
}

void HeadReader::read_connection(std::string_view value) {
  while (!value.empty()) {
    std::string_view option = next_element(value);
    close_ = close_ || same_ignoring_case(option, "close");
    keep_alive_ = keep_alive_ || same_ignoring_case(option, "keep-alive");
  }
}

// A length that is not plain digits, or is given twice, is how requests are smuggled.
void HeadReader::read_length(std::string_view value) {
  if (++lengths_ > 1) return refuse("is a second Content-Length");
  if (value.empty() || !std::ranges::all_of(value, is_digit)) return refuse("is no length");
  out_.has_body = !std::ranges::all_of(value, [](char c) { return c == '0'; });
}

void HeadReader::finish() {
  line_at_ = 0;
  if (out_.v1_1 && hosts_ == 0) return refuse("has no Host");
  if (codings_ > 0 && (lengths_ > 0 || !out_.v1_1)) return refuse("has two lengths");
  out_.has_body = out_.has_body || codings_ > 0;
  out_.keep_alive = out_.v1_1 ? !close_ : keep_alive_ && !close_;
  if (unclear_) out_.range = out_.if_range = out_.if_none_match = {};
}

// Digits as a number; more than fit give the largest.
std::optional<std::uint64_t> number(std::string_view digits) {
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc::result_out_of_range ? ~std::uint64_t{0} : value;
}

}  // namespace

std::expected<std::size_t, HttpRefusal> parse_http_request(Bytes input, HttpRequest& out) {
  out = {};
  return HeadReader(as_text(input), out).read();
}

std::optional<std::string_view> http_file_name(std::string_view target, std::span<char> room) {
  if (!target.starts_with('/')) return std::nullopt;
  // A query names no file: phones append who they are and which language they speak.
  target = target.substr(1, target.find('?') - 1);
  std::size_t size = 0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    char c = target[i];
    if (c == '%') {
      const int high = i + 1 < target.size() ? hex_value(target[i + 1]) : -1;
      const int low = i + 2 < target.size() ? hex_value(target[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (is_control || c == '\\' || size == room.size()) return std::nullopt;
    room[size++] = c;
  }
  return plain_file_name({room.data(), size}, room);
}

HttpRange parse_http_range(std::string_view range, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!starts_ignoring_case(range, kUnit)) return {};
  range = trimmed(range.substr(kUnit.size()));
  std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  std::optional<std::uint64_t> first = number(range.substr(0, dash));
  std::optional<std::uint64_t> last = number(range.substr(dash + 1));
  bool open_end = dash + 1 == range.size();
  if (dash == 0) {
    if (!last) return {};
    if (*last == 0) return {.kind = HttpRange::Kind::unsatisfiable};
    std::uint64_t length = std::min(*last, size);
    if (length == 0) return {};
    return {.kind = HttpRange::Kind::part, .first = size - length, .length = length};
  }
  if (!first || (!last && !open_end) || (last && *last < *first)) return {};
  if (*first >= size) return {.kind = HttpRange::Kind::unsatisfiable};
  std::uint64_t end = last && *last < size ? *last + 1 : size;
  return {.kind = HttpRange::Kind::part, .first = *first, .length = end - *first};
}

bool http_etag_listed(std::string_view if_none_match, std::string_view etag) {
  if (trimmed(if_none_match) == "*") return true;
  // Our tags hold no comma, so one of the list's elements that is ours is whole.
  while (!if_none_match.empty()) {
    std::string_view listed = next_element(if_none_match);
    if (listed.starts_with("W/")) listed.remove_prefix(2);
    if (listed == etag) return true;
  }
  return false;
}

}  // namespace anchord::wire
