#include "http_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "failure.h"

namespace anchord::load {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t value = 0;
  auto [at, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || at != text.data() + text.size()) return std::nullopt;
  return value;
}

// "HTTP/1.1 200 OK"
Result<ResponseHead> parse_status_line(std::string_view line) {
  constexpr std::size_t kStatusEnd = 12;
  const bool old = line.starts_with("HTTP/1.0 ");
  const bool known = old || line.starts_with("HTTP/1.1 ");
  if (!known || line.size() < kStatusEnd) return fail("not an HTTP response: " + shown(line));
  const std::optional<std::uint64_t> status = decimal(line.substr(9, 3));
  if (!status.has_value()) return fail("not an HTTP response: " + shown(line));
  ResponseHead out;
  out.status = static_cast<unsigned>(*status);
  out.reason = trimmed(line.substr(kStatusEnd));
  out.close = old;
  return out;
}

}  // namespace

std::size_t response_head_size(Bytes data) {
  const auto end = as_text(data).find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

Result<ResponseHead> parse_response_head(Bytes head) {
  std::string_view text = as_text(head);
  auto next_line = [&] {
    const auto end = text.find("\r\n");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    return line;
  };
  auto out = parse_status_line(next_line());
  if (!out) return out;
  std::optional<std::uint64_t> length;
  for (std::string_view line = next_line(); !line.empty(); line = next_line()) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return fail("a header without a colon: " + shown(line));
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (same_ignoring_case(name, "content-length")) {
      const auto number = decimal(value);
      if (!number || (length && length != number)) return fail("Content-Length: " + shown(value));
      length = number;
    } else if (same_ignoring_case(name, "transfer-encoding")) {
      return fail("a response without a known length (Transfer-Encoding)");
    } else if (same_ignoring_case(name, "etag")) {
      out->etag = value;
    } else if (same_ignoring_case(name, "connection")) {
      if (same_ignoring_case(value, "close")) out->close = true;
      if (same_ignoring_case(value, "keep-alive")) out->close = false;
    }
  }
  const bool no_body = out->status == 204 || out->status == 304;
  if (!length && !no_body) return fail("a response without Content-Length");
  if (!no_body) out->length = *length;
  return out;
}

}  // namespace anchord::load
