#include "http_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "anchord/base/ascii.h"
#include "failure.h"

namespace anchord::load {
namespace {

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

// Letters, digits and what RFC 3986 lets stand in a path stay; the rest is encoded.
std::string encoded_path(std::string_view name) {
  constexpr std::string_view kPlain = "-._~!$&'()*+,;=:@/";
  std::string out;
  for (const char c : name) {
    if (is_letter(c) || is_digit(c) || kPlain.contains(c)) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// The size of the first head in `data`, its empty line included; 0: it is not complete yet.
std::size_t response_head_size(Bytes data) {
  const auto end = as_text(data).find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

// `head` is one whole head.
Result<ResponseHead> parse_response_head(Bytes head) {
  std::string_view text = as_text(head);
  auto next_line = [&] {
    const auto end = text.find("\r\n");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    return line;
  };
  ANCHORD_TRY_ASSIGN(auto out, parse_status_line(next_line()));
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
      out.etag = value;
    } else if (same_ignoring_case(name, "connection")) {
      if (same_ignoring_case(value, "close")) out.close = true;
      if (same_ignoring_case(value, "keep-alive")) out.close = false;
    }
  }
  const bool no_body = out.status == 204 || out.status == 304;
  if (!length && !no_body) return fail("a response without Content-Length");
  if (!no_body) out.length = *length;
  return out;
}

}  // namespace

void write_get(std::string& out, std::string_view file, std::string_view host) {
  fmt::format_to(std::back_inserter(out), "GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n", encoded_path(file), host);
}

void ResponseReader::reset() {
  bytes_.clear();
  in_body_ = has_head_ = false;
}

Result<ResponseReader::Step> ResponseReader::take(Bytes bytes) {
  if (!in_body_) return take_head(bytes);
  const Bytes piece = bytes.first(std::min<std::uint64_t>(bytes.size(), left_));
  left_ -= piece.size();
  in_body_ = left_ > 0;
  return Step{.taken = piece.size(), .body = piece, .ended = left_ == 0};
}

Result<ResponseReader::Step> ResponseReader::take_head(Bytes bytes) {
  if (has_head_) reset();
  const std::size_t before = bytes_.size();
  const Bytes piece = bytes.first(std::min(bytes.size(), kMaxResponseHead - before));
  bytes_.insert(bytes_.end(), piece.begin(), piece.end());
  const std::size_t size = response_head_size(bytes_);
  if (size == 0) {
    // Nothing but HTTP begins with an H: others need not be waited for.
    if (bytes_.front() != 'H' || bytes_.size() == kMaxResponseHead) {
      return fail("not an HTTP response: " + shown(as_text(bytes_)));
    }
    return Step{.taken = piece.size()};
  }
  ANCHORD_TRY_ASSIGN(auto head, parse_response_head(Bytes(bytes_).first(size)));
  head_ = head;
  has_head_ = true;
  left_ = head_.length;
  in_body_ = left_ > 0;
  return Step{.taken = size - before, .head = &head_, .ended = !in_body_};
}

}  // namespace anchord::load
